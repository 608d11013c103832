"""`gestalt up` as a process, with services that only pretend: what it promises about starting, keeping and stopping."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Eventually = Callable[..., Awaitable[Any]]
FAKES = Path(__file__).with_name("fakes")


class Up:
    """A running `gestalt up` on `workspace`."""

    def __init__(self, workspace: Path, *flags: str, through: Sequence[str] = (), **variables: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "REDIS_"))}
        fakes = {"PYTHONPATH": str(FAKES), "FAKE_DIR": str(workspace), "PATH": "/nowhere"}
        self.workspace = workspace
        self.out, self.err = workspace / "out", workspace / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [
                    *through,
                    sys.executable,
                    "-m",
                    "gestalt_cli",
                    "up",
                    "--workspace",
                    str(workspace),
                    "--port",
                    "0",
                    *flags,
                ],
                env={**inherited, **fakes, **variables},
                stdout=out,
                stderr=err,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        return self.out.read_text()

    def complained(self) -> str:
        return self.err.read_text()

    def ready(self) -> bool:
        return "Try, in another terminal" in self.said()

    def port(self) -> int:
        return int(self.said().partition("http://127.0.0.1:")[2].split()[0])

    def notes(self, **wanted: object) -> list[dict[str, Any]]:
        """What the services noted, those lines that have all of `wanted`."""
        path = self.workspace / "notes"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if wanted.items() <= line.items()]

    def serving(self, kind: str) -> list[int]:
        """Pids that serve, or did."""
        return [note["pid"] for note in self.notes(kind=kind) if "serving" in note]

    def ended(self) -> bool:
        return self.process.poll() is not None


@pytest.fixture
async def up(tmp_path: Path, eventually: Eventually) -> AsyncIterator[Callable[..., Up]]:
    running: list[Up] = []

    def start(*flags: str, workspace: Path = tmp_path, through: Sequence[str] = (), **variables: str) -> Up:
        running.append(Up(workspace, *flags, through=through, **variables))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.wait()
    await eventually(lambda: not left(tmp_path))


def left(workspace: Path) -> list[str]:
    """Processes that still have to do with the workspace."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and str(workspace).encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return [line for line in found if line and "pytest" not in line]


async def test_a_second_up_on_the_workspace_or_the_port_is_one_line_that_names_it(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    first = up()
    await eventually(first.ready)
    one, other = first.workspace / "one", first.workspace / "other"
    one.mkdir()
    other.mkdir()
    on_workspace = up("--workspace", str(first.workspace), workspace=one)
    on_port = up("--port", str(first.port()), workspace=other)
    await eventually(lambda: on_workspace.ended() and on_port.ended(), within=10)
    assert (on_workspace.process.returncode, on_port.process.returncode) == (1, 1)
    assert (on_workspace.complained().count("\n"), on_port.complained().count("\n")) == (1, 1)
    assert f"{first.workspace} is in use by another gestalt up (pid {first.pid}, http://" in on_workspace.complained()
    assert f"port {first.port()} of 127.0.0.1 is already in use" in on_port.complained()


@pytest.mark.parametrize(
    ("flags", "variables", "line"),
    [
        (["--host", "0.0.0.0"], {}, "0.0.0.0 is open to other machines"),  # noqa: S104 - the case
        (["--workspace", "/no/such"], {}, "no directory /no/such"),
        ([], {"REDIS_URL": "redis://127.0.0.1:1"}, "cannot use Redis at 127.0.0.1:1"),
        ([], {"GESTALT_TOKEN_FILE": "/no/such"}, "GESTALT_TOKEN_FILE /no/such: No such file"),
        ([], {"FAKE_GATEWAY_FAILS": "4"}, "gateway does not start (exit code 4): gateway cannot; see "),
    ],
)
async def test_what_cannot_begin_is_one_line_and_1(
    up: Callable[..., Up], eventually: Eventually, flags: list[str], variables: dict[str, str], line: str
) -> None:
    refused = up(*flags, **variables)
    await eventually(refused.ended, within=10)
    assert refused.process.returncode == 1
    assert line in refused.complained()
    assert refused.complained().count("\n") == 1
    assert not left(refused.workspace)


async def test_a_redis_that_cannot_read_its_file_is_one_line(
    up: Callable[..., Up], eventually: Eventually, tmp_path: Path
) -> None:
    (tmp_path / ".gestalt" / "redis" / "appendonlydir").mkdir(parents=True)
    (tmp_path / ".gestalt" / "redis" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    refused = up()
    await eventually(refused.ended, within=10)
    assert refused.process.returncode == 1
    assert refused.complained().startswith("redis does not start (exit code 1): ")
    assert refused.complained().count("\n") == 1


async def test_services_get_what_they_need_and_workers_not_the_token(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up("--workers", "2", "--token", "secret", GESTALT_DRAINING="1", OTHER="kept")
    await eventually(running.ready)
    (gateway,) = running.notes(kind="gateway", started=True)
    workers = running.notes(kind="session", started=True)
    assert len(workers) == 2
    assert gateway["environment"]["GESTALT_TOKEN"] == "secret"
    assert gateway["environment"]["GESTALT_PORT"] == str(running.port())
    for worker in workers:
        environment = worker["environment"]
        assert "GESTALT_TOKEN" not in environment
        assert "GESTALT_DRAINING" not in environment
        assert environment["GESTALT_PORT"] == "0"
        assert environment["GESTALT_URL"] == f"http://127.0.0.1:{running.port()}"
        assert environment["GESTALT_WORKSPACE"] == str(running.workspace)
        assert environment["GESTALT_DATA_DIR"] == str(running.workspace / ".gestalt")
        assert environment["GESTALT_INTERNAL_TOKEN"] == gateway["environment"]["GESTALT_INTERNAL_TOKEN"]
        assert environment["REDIS_URL"].startswith("unix:///")


@pytest.mark.parametrize("kind", ["gateway", "session"])
async def test_what_is_killed_serves_again_within_half_a_second(
    up: Callable[..., Up], eventually: Eventually, kind: str
) -> None:
    running = up()
    await eventually(running.ready)
    for times in range(1, 3):
        os.kill(running.serving(kind)[-1], signal.SIGKILL)
        await eventually(lambda: len(running.serving(kind)) == times + 1, within=0.5)  # noqa: B023 - awaited here
    assert running.complained().count("starting it again in") == 2


async def test_a_killed_zygote_is_nobodys_end_and_its_successor_forks(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up()
    await eventually(running.ready)
    (first,) = zygotes(running)
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: "zygote is back" in running.complained())
    assert len(running.serving("session")) == 1
    os.kill(running.serving("session")[0], signal.SIGKILL)
    await eventually(lambda: len(running.serving("session")) == 2)
    assert "session-1 ended (SIGKILL)" in running.complained()
    (second,) = zygotes(running)
    assert parent(running.serving("session")[1]) == second != first


async def test_without_an_answer_of_the_zygote_a_service_is_started_the_long_way(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up()
    await eventually(running.ready)
    (zygote,) = zygotes(running)
    os.kill(zygote, signal.SIGSTOP)
    os.kill(running.serving("session")[0], signal.SIGKILL)
    await eventually(lambda: len(running.serving("session")) == 2)
    assert parent(running.serving("session")[1]) == running.pid
    os.kill(zygote, signal.SIGCONT)
    await eventually(lambda: "zygote is back" in running.complained())
    assert len(running.serving("session")) == 2, "what was asked of it before is void"


def zygotes(running: Up) -> list[int]:
    pids = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text(encoding="ascii").split()
    return [int(pid) for pid in pids if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"gestalt_zygote")]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[1])


async def test_nobody_is_refused_at_the_door_while_the_gateway_is_replaced(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up()
    await eventually(running.ready)
    os.kill(running.serving("gateway")[-1], signal.SIGKILL)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port())
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert b"200" in await asyncio.wait_for(reader.readline(), 2)
    writer.close()


async def test_slots_with_live_terminals_get_workers_that_drain(
    up: Callable[..., Up], eventually: Eventually, tmp_path: Path
) -> None:
    locks = []
    for number in range(3):
        slot = tmp_path / ".gestalt" / "slots" / str(number)
        slot.mkdir(parents=True)
        (slot / "host-0.sock").touch()
        locks.append((slot / "host-0.sock.lock").open("wb"))
        fcntl.flock(locks[-1], fcntl.LOCK_EX)
    running = up("--workers", "1")
    await eventually(running.ready)
    workers = [note["environment"].get("GESTALT_DRAINING") for note in running.notes(kind="session", started=True)]
    assert sorted(workers, key=str) == ["1", "1", None]
    assert "1, and 2 that keep older terminals" in running.said()
    for lock in locks:
        lock.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_stop_signal_ends_gateway_workers_redis_in_this_order_with_0(
    up: Callable[..., Up], eventually: Eventually, number: signal.Signals
) -> None:
    running = up("--workers", "2")
    await eventually(running.ready)
    os.kill(running.pid, number)
    await eventually(running.ended)
    assert running.process.returncode == 0
    first, *others = [note["kind"] for note in running.notes(signal="TERM")]
    assert (first, sorted(others)) == ("gateway", ["flow", "session", "session", "telemetry"])
    assert running.complained() == ""
    assert not left(running.workspace)


async def test_a_hang_up_does_not_end_what_nohup_started(up: Callable[..., Up], eventually: Eventually) -> None:
    running = up(through=["/bin/sh", "-c", "trap '' HUP; exec \"$@\"", "nohup"])
    await eventually(running.ready)
    os.kill(running.pid, signal.SIGHUP)
    os.kill(running.serving("gateway")[-1], signal.SIGKILL)
    await eventually(lambda: len(running.serving("gateway")) == 2)
    assert "Stopping" not in running.said()


async def test_services_that_do_not_listen_are_gone_within_five_seconds_all_the_same(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up(FAKE_GATEWAY_DEAF="1", FAKE_SESSION_DEAF="1")
    await eventually(running.ready)
    os.kill(running.pid, signal.SIGTERM)
    await eventually(running.ended, within=5)
    assert running.process.returncode == 0


async def test_a_second_ctrl_c_does_not_wait(up: Callable[..., Up], eventually: Eventually) -> None:
    running = up(FAKE_GATEWAY_DEAF="1")
    await eventually(running.ready)
    os.kill(running.pid, signal.SIGINT)
    await eventually(lambda: running.notes(kind="gateway", signal="TERM"))
    os.kill(running.pid, signal.SIGINT)
    await eventually(running.ended, within=1)
    assert running.process.returncode == 0


async def test_a_stop_signal_while_it_waits_for_the_lock_ends_it_with_0(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    first = up()
    await eventually(first.ready)
    other = first.workspace / "elsewhere"
    other.mkdir()
    second = up("--workspace", str(first.workspace), workspace=other)
    await eventually(lambda: opened(second.pid, first.workspace / ".gestalt" / "up.lock"))
    os.kill(second.pid, signal.SIGTERM)
    await eventually(second.ended, within=2)
    assert second.process.returncode == 0
    assert second.complained() == ""


def opened(pid: int, path: Path) -> bool:
    return any(fd.resolve() == path for fd in Path(f"/proc/{pid}/fd").iterdir())


async def test_kill_9_ends_everything_and_the_next_up_takes_over(up: Callable[..., Up], eventually: Eventually) -> None:
    first = up()
    await eventually(first.ready)
    os.kill(first.serving("session")[0], signal.SIGSTOP)
    first.process.kill()
    first.process.wait()
    await eventually(lambda: not left(first.workspace), within=2)
    second = up("--port", str(first.port()))
    await eventually(second.ready)
    assert second.port() == first.port()


async def test_kill_sessions_deletes_each_through_the_api_before_anything_stops(
    up: Callable[..., Up], eventually: Eventually
) -> None:
    running = up("--kill-sessions", GESTALT_TOKEN="secret")
    await eventually(running.ready)
    os.kill(running.pid, signal.SIGTERM)
    await eventually(running.ended)
    deleted = [note["deleted"] for note in running.notes(authorization="Bearer secret")]
    assert sorted(deleted) == ["/api/sessions/0190-a", "/api/sessions/0190-b"]
    assert "signal" in running.notes(kind="gateway")[-1]


async def test_without_kill_sessions_none_is_touched(up: Callable[..., Up], eventually: Eventually) -> None:
    running = up()
    await eventually(running.ready)
    os.kill(running.pid, signal.SIGTERM)
    await eventually(running.ended)
    assert not [note for note in running.notes() if "deleted" in note]
