"""What runs here, what was committed (contract §8; reference, telemetry §2, §4)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from session_world import QUIET, Running, World, alive, of, refused
from waiting import eventually

from gestalt_session.workspace import git

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATUS = {
    "session_count", "server_time", "session_persist", "session_scrollback_lines", "session_font_family",
    "session_font_size", "session_input_font_family", "session_input_font_size", "working_dir", "git_origin",
    "git_branch", "version", "major", "minor", "patch", "built", "otel_collector_running", "otel_collector_pid",
    "otel_collector_http_endpoint", "otel_collector_restart_count",
}  # fmt: skip


def run(folder: Path, *words: str) -> str:
    """One git command."""
    who = ("-c", "user.name=N", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    git_program = shutil.which("git") or "git"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [git_program, *who, *words], cwd=folder, env=clean, check=True, capture_output=True, text=True
    ).stdout.strip()


def write(path: Path, text: str) -> None:
    """A file of the workspace, or a script."""
    path.write_text(text)


def commit(folder: Path, subject: str) -> str:
    """Commit everything; the hash."""
    run(folder, "add", "--all")
    run(folder, "commit", "-q", "--allow-empty", "-m", subject)
    return run(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The workspace of `world`, as a repository."""
    folder = tmp_path / "work"
    folder.mkdir()
    run(folder, "init", "-q", "-b", "main")
    return folder


# -- refusals


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A git that is a script of ours."""
    script = tmp_path / "bin" / "git"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "SECONDS", 0.3)
    return script


async def test_a_git_that_hangs_is_a_timeout_whoever_holds_its_pipes(world: World, fake_git: Path) -> None:
    worker = await world.start()
    child = world.folder / "child"
    write(fake_git, f"#!/bin/sh\nsleep 600 & echo $! >{child}; sleep 600\n")
    clock = asyncio.get_running_loop().time
    begun = clock()
    refused(await worker.http.get("/api/git/log"), 503, "git log timed out")
    assert clock() - begun < 1
    await eventually(lambda: not alive(int(child.read_text())))


async def test_what_a_repository_has_git_run_sees_no_secret_of_ours(
    world: World, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody who may write its configuration has git start a program of theirs."""
    for name in ("REDIS_URL", "GESTALT_INTERNAL_TOKEN", "OTEL_EXPORTER_OTLP_HEADERS"):
        monkeypatch.setenv(name, "secret")
    worker = await world.start()
    write(fake_git, f"#!/bin/sh\nenv >>{world.folder}/seen\nexit 1\n")
    await worker.get("/api/status")
    seen = (world.folder / "seen").read_text()
    assert "PATH=" in seen
    assert "=secret" not in seen


async def test_the_limit_holds_for_all_of_it_together(world: World, fake_git: Path) -> None:
    worker = await world.start()
    write(fake_git, "#!/bin/sh\nsleep 0.2; echo main\n")
    refused(await worker.http.get("/api/git/log"), 503, "git log timed out")


async def test_a_git_that_is_not_there_is_unavailable(
    world: World, fake_git: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await world.start()
    os.unlink(fake_git)  # noqa: PTH108 - blocking, but a moment
    monkeypatch.setenv("PATH", str(fake_git.parent))
    refused(await worker.http.get("/api/git/log"), 503, "git log unavailable")
    status = await worker.get("/api/status")
    assert (status["git_origin"], status["git_branch"]) == ("", "")


async def test_a_git_that_fails_is_unavailable(world: World, fake_git: Path) -> None:
    worker = await world.start()
    write(fake_git, '#!/bin/sh\ncase "$*" in *log*) echo broken >&2; exit 128;; esac; echo main\n')
    refused(await worker.http.get("/api/git/log"), 503, "git log unavailable")


# -- commits


async def test_outside_a_repository_and_before_the_first_commit_there_is_nothing(world: World) -> None:
    worker = await world.start()
    assert await worker.get("/api/git/log") == {"branch": "", "commits": []}
    run(world.workspace, "init", "-q")
    assert await worker.get("/api/git/log") == {"branch": "", "commits": []}


NAMES = ["plain", "é ü", 'quote"', "tab\t", "line\nbreak", "a => b", "{x}", " lead", "\x1e", "back\\slash"]
SUBJECT = "first: é  \x1e 'quoted'"


async def test_names_and_subjects_stand_as_they_are(repository: Path, world: World) -> None:
    worker = await world.start()
    for name in NAMES:
        write(repository / name, "one\ntwo\n")
    write(repository / "picture", "\0\1\2")
    sha = commit(repository, SUBJECT)
    log = await worker.get("/api/git/log")
    (told,) = log["commits"]
    assert (log["branch"], told["subject"], told["sha"], told["short_sha"]) == ("main", SUBJECT, sha, sha[:12])
    assert datetime.fromisoformat(told["committed_at"]).utcoffset() is not None
    assert {file["path"]: (file["added"], file["deleted"], file["binary"]) for file in told["files"]} == {
        **dict.fromkeys(NAMES, (2, 0, False)),
        "picture": (None, None, True),
    }
    stats = {"files_changed": len(NAMES) + 1, "lines_added": 2 * len(NAMES), "lines_deleted": 0, "has_binary": True}
    assert (told["stats"], told["files_truncated"]) == (stats, False)


async def test_a_rename_names_both_and_a_merge_none(repository: Path, world: World) -> None:
    worker = await world.start()
    write(repository / "old é", "one\ntwo\nthree\n")
    write(repository / "edited", "one\ntwo\n")
    first = commit(repository, "first")
    (repository / "sub").mkdir()
    run(repository, "mv", "old é", "sub/new é")
    write(repository / "edited", "one\n3\n4\n")
    commit(repository, "second")
    run(repository, "checkout", "-q", "-b", "side", first)
    commit(repository, "aside")
    run(repository, "checkout", "-q", "main")
    run(repository, "merge", "-q", "--no-ff", "-m", "merged", "side")
    log = {one["subject"]: one for one in (await worker.get("/api/git/log"))["commits"]}
    assert set(log) == {"merged", "aside", "second", "first"}
    assert (log["merged"]["files"], log["merged"]["stats"]["files_changed"]) == ([], 0)
    assert {file["path"]: file for file in log["second"]["files"]} == {
        "sub/new é": {"path": "sub/new é", "added": 0, "deleted": 0, "binary": False, "old_path": "old é"},
        "edited": {"path": "edited", "added": 2, "deleted": 1, "binary": False},
    }


async def test_a_limit_is_kept_to_fifty(repository: Path, world: World) -> None:
    worker = await world.start()
    tree = run(repository, "write-tree")
    parent = ""
    for number in range(55):
        parent = run(repository, "commit-tree", tree, *(("-p", parent) if parent else ()), "-m", str(number))
    run(repository, "update-ref", "refs/heads/main", parent)
    for limit, count in {"": 20, "1": 1, "+5": 5, "50": 50, "51": 50, "99999": 50}.items():
        log = await worker.get("/api/git/log", limit=limit)
        assert [one["subject"] for one in log["commits"]] == [str(number) for number in range(54, 54 - count, -1)]


async def test_a_commit_of_many_files_is_cut_short_and_counted_whole(repository: Path, world: World) -> None:
    worker = await world.start()
    for number in range(60):
        (repository / f"{number:02d}").write_text("x\n")
    commit(repository, "many")
    (told,) = (await worker.get("/api/git/log"))["commits"]
    assert ([file["path"] for file in told["files"]], told["files_truncated"]) == (
        [f"{n:02d}" for n in range(50)],
        True,
    )
    assert (told["stats"]["files_changed"], told["stats"]["lines_added"]) == (60, 60)


async def test_settings_of_the_user_do_not_change_the_answer(repository: Path, world: World) -> None:
    worker = await world.start()
    (repository / "a").write_text("x\n")
    commit(repository, "one")
    plain = await worker.get("/api/git/log")
    for name, value in {
        "color.ui": "always", "log.showSignature": "true", "diff.renames": "false", "core.quotePath": "true",
        "log.date": "relative", "diff.mnemonicPrefix": "true", "log.decorate": "full", "format.pretty": "fuller",
        "core.pager": "false", "diff.external": "false",
    }.items():  # fmt: skip
        run(repository, "config", name, value)
    assert await worker.get("/api/git/log") == plain


# -- branches


async def test_the_branch_follows_checkouts(repository: Path, world: World) -> None:
    worker = await world.start()
    run(repository, "remote", "add", "origin", "git@example.org:a/é.git")
    assert (await worker.get("/api/status"))["git_branch"] == "main"
    head = commit(repository, "one")
    run(repository, "tag", "main")
    run(repository, "checkout", "-q", "-b", "feature/é")

    async def branch() -> tuple[str, str]:
        return (await worker.get("/api/status"))["git_branch"], (await worker.get("/api/git/log"))["branch"]

    assert await branch() == ("feature/é", "feature/é")
    run(repository, "checkout", "-q", "refs/heads/main", "--")
    run(repository, "symbolic-ref", "HEAD", "refs/heads/main")
    assert await branch() == ("main", "main")
    run(repository, "checkout", "-q", "--detach")
    assert await branch() == (f"detached@{head[:12]}", "HEAD")
    assert (await worker.get("/api/status"))["git_origin"] == "git@example.org:a/é.git"


async def test_a_folder_below_and_a_worktree_belong_to_their_repository(repository: Path, world: World) -> None:
    run(repository, "remote", "add", "origin", "https://example.org/a.git")
    commit(repository, "one")
    run(repository, "worktree", "add", "-q", "-b", "beside", str(world.folder / "tree"))
    (repository / "sub").mkdir()
    for slot, (workspace, branch) in enumerate({repository / "sub": "main", world.folder / "tree": "beside"}.items()):
        worker = await world.start(workspace=workspace, data_dir=world.data, slot=slot)
        status = await worker.get("/api/status")
        assert (status["git_branch"], status["git_origin"]) == (branch, "https://example.org/a.git")
        assert (await worker.get("/api/git/log"))["commits"][0]["subject"] == "one"


# -- status, workers, health


async def test_status_says_what_runs_here(worker: Running) -> None:
    before = await worker.get("/api/status")
    assert set(before) >= STATUS
    assert before["working_dir"] == str(worker.world.workspace)
    assert (before["session_persist"], before["session_scrollback_lines"], before["session_font_size"]) == (
        True, 2_000, "0.95rem",
    )  # fmt: skip
    assert before["version"] == f"{before['major']}.{before['minor']}.{before['patch']}"
    made = await worker.create(QUIET)
    assert (await worker.get("/api/status"))["session_count"] == before["session_count"] + 1
    await worker.http.delete(of(made["uid"]))
    assert (await worker.get("/api/status"))["session_count"] == before["session_count"]


async def test_status_tells_of_telemetry_what_its_heartbeat_says(worker: Running) -> None:
    services = worker.world.directory.services
    services["telemetry"] = {"pid": "7", "restarts": "3", "last_exit": "2026-03-01T09:15:02Z: it ended"}
    told = await worker.get("/api/status")
    assert (told["otel_collector_pid"], told["otel_collector_restart_count"]) == (7, 3)
    assert told["otel_collector_last_exit"] == "2026-03-01T09:15:02Z: it ended"
    del services["telemetry"]
    told = await worker.get("/api/status")
    assert (told["otel_collector_running"], told["otel_collector_restart_count"]) == (False, 0)
    assert "otel_collector_last_exit" not in told


async def test_workers_are_told_with_counts(worker: Running) -> None:
    await worker.create(QUIET)
    ended = await worker.create(["true"])
    await worker.closed(ended["uid"])

    async def counted() -> bool:
        (me,) = await worker.get("/api/workers")
        live = [one for one in await worker.get("/api/sessions") if one["status"] == "running"]
        return bool(me["sessions"] == len(live))

    await eventually(counted)
    (me,) = await worker.get("/api/workers")
    told = {"id", "pid", "host", "state", "sessions", "capacity", "journal_bytes", "version", "started_at", "seen_at"}
    assert set(me) == told
    assert (me["pid"], me["state"], me["capacity"]) == (os.getpid(), "live", 500)
    assert me["started_at"].endswith("Z")
    assert me["started_at"] <= me["seen_at"]


async def test_any_worker_drains_any_other(world: World) -> None:
    one, other = await world.start(), await world.start()
    first, second = await one.get("/api/workers")
    answer = await other.http.patch(f"/api/workers/{first['id']}", json={"draining": True})
    assert (answer.status_code, answer.json()["state"], answer.json()["id"]) == (200, "draining", first["id"])

    async def refuses() -> bool:
        return (await one.http.post("/api/sessions", json={"command": QUIET})).status_code == 503

    await eventually(refuses)
    refused(await one.http.post("/api/sessions", json={}), 503, "this worker takes no new sessions")
    await other.create(QUIET)
    assert {known["id"]: known["state"] for known in await one.get("/api/workers")} == {
        first["id"]: "draining", second["id"]: "live",
    }  # fmt: skip
    assert (await other.http.patch(f"/api/workers/{first['id']}", json={"draining": False})).json()["state"] == "live"
    await one.create(QUIET)


async def test_a_worker_that_stops_is_gone_and_its_sessions_are_unreachable(world: World) -> None:
    one, other = await world.start(), await world.start()
    made = await one.create(QUIET)
    await one.stop()
    states = {known["id"]: known["state"] for known in await other.get("/api/workers")}
    assert states[made["worker"]] == "gone"
    (listed,) = await other.get("/api/sessions")
    assert (listed["uid"], listed["status"]) == (made["uid"], "unreachable")
    refused(await other.http.get(of(made["uid"], "history")), 503, "session worker unavailable", "worker_unavailable")
    answer = await other.http.delete(of(made["uid"]))
    assert (answer.status_code, answer.json()["status"]) == (202, "closing")
    assert [one["status"] for one in await other.get("/api/sessions")] == ["closing"]
    again = await world.start()

    async def ended() -> bool:
        return await again.get("/api/sessions") == []

    await eventually(ended)
    assert not alive(made["pid"])


async def test_health_is_the_loop_and_readiness_names_what_is_away(world: World) -> None:
    worker = await world.start()
    assert (await worker.stranger.get("/healthz")).json() == {"status": "ok"}
    assert (await worker.stranger.get("/readyz")).json() == {"ok": True, "failing": []}
    world.directory.away = True
    assert (await worker.stranger.get("/healthz")).status_code == 200
    answer = await worker.stranger.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "failing": ["redis"]})
