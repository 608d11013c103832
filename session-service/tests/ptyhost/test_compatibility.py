"""A worker and a host of different releases: today's host is driven by the bytes that each released worker sent."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ptyhost_client import HostProcess, Worker, alive, eventually

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir())
"""Every released version of the wire."""

Connect = Callable[[], Worker]


def golden(version: str, name: str) -> bytes:
    return (GOLDEN / version / f"{name}.bin").read_bytes()


def shape(message: wire.Message) -> dict[str, type]:
    """The keys of a JSON payload with the types of their values."""
    return {key: type(value) for key, value in wire.json_of(message).items()}


def replayed(version: str, name: str, **change: Any) -> bytes:
    """A released message with the few words changed that name this machine's paths and pids."""
    message = wire.unpack(golden(version, name))
    body = wire.json_of(message) | change
    return wire.pack_json(message.kind, body, message.session, message.offset)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_released_worker_is_understood_and_answered_as_it_expects(version: str, connect: Connect) -> None:
    worker = connect()
    journal = worker.journal_of(1)
    journal.mkdir(parents=True)

    worker.send_raw(replayed(version, "create", journal=str(journal)))
    created = worker.until(Kind.CREATED, 1)
    for name in ("limit", "resume", "cap", "with-extension", "ping"):
        worker.send_raw(golden(version, name))
    exited = worker.until(Kind.EXIT, 1)
    worker.send_raw(replayed(version, "create", journal="/nowhere"))
    failed = worker.until(Kind.FAILED, 1)
    session = connect().until(Kind.SESSION, 1)

    assert (wire.json_of(exited), exited.offset) == ({"exit_code": 3}, len("hello"))
    for name, answer in (("created", created), ("exit", exited), ("failed", failed)):
        assert shape(answer) == shape(wire.unpack(golden(version, name)))
    assert shape(session).keys() >= shape(wire.unpack(golden(version, "session"))).keys()
    assert worker.hello.keys() >= shape(wire.unpack(golden(version, "hello"))).keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_released_worker_hands_over_its_terminals_forgets_and_retires(version: str, host: HostProcess) -> None:
    worker = Worker(host)
    program = worker.create(1, ["cat"])
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_closed()
    assert host.start() == 0

    with Worker(host) as second:
        adopt = replayed(version, "adopt", journal=str(second.journal_of(1)), pid=program)
        second.send_raw(adopt, worker.fds[1])
        assert second.until(Kind.SESSION, 1).offset == wire.unpack(golden(version, "adopt")).offset
        os.kill(program, signal.SIGKILL)
        second.until(Kind.EXIT, 1)
        second.send_raw(golden(version, "ping"))
        assert second.until(Kind.PONG) == wire.unpack(golden(version, "pong"))
        second.send_raw(golden(version, "retire"))
        second.send_raw(golden(version, "forget"))
        second.until_closed()
        eventually(lambda: not alive(second.pid), "the end of the host")
    worker.close()
