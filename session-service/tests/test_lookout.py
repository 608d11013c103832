"""What the watcher hears, looks for and tells (contract §4), over real files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import STILL, Rig

from gestalt_session.workspace.watching import lookout, tree
from gestalt_session.workspace.watching.bursts import Bursts
from gestalt_session.workspace.watching.head import Head
from gestalt_session.workspace.watching.inotify import OVERFLOW, Event, Inotify
from gestalt_session.workspace.watching.limiter import Limiter
from gestalt_session.workspace.watching.snapshot import Snapshot, SnapshotFile
from gestalt_session.workspace.watching.stamps import Stamp


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    (tmp_path / "old").write_text("old")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep").write_text("deep")
    made = Rig(tmp_path)
    yield made
    made.close()


# -- what is not told


def test_what_was_there_before_is_no_news(rig: Rig) -> None:
    assert rig.first.changes == []
    assert rig.told() == {}
    assert rig.lookout.wait() is None


def test_reading_and_opening_are_no_changes(rig: Rig) -> None:
    (rig.folder / "old").read_text()
    with (rig.folder / "old").open("a"):
        pass
    assert rig.told() == {}


def test_git_and_what_gestalt_keeps_are_not_watched(tmp_path: Path) -> None:
    own = tmp_path / ".gestalt"
    for name in ("plans", "config/agents", "slots/1", "logs"):
        (own / name).mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / ".gitignore").write_text(".gestalt/\n*.org\n")
    rig = Rig(tmp_path, hidden=(str(tmp_path / "data"),))
    for name in ("plans/a.org", "config/agents/a.toml", "slots/1/x", "logs/x", "workspace.id"):
        (own / name).write_text("x")
    for name in (".git/index", "data/x", "sub/.git/x", "b.org"):
        (tmp_path / name).write_text("x")
    os.mkfifo(tmp_path / "pipe")
    assert rig.told() == {".gestalt/plans/a.org": "CREATE", ".gestalt/config/agents/a.toml": "CREATE"}
    rig.close()


# -- operations


def test_a_burst_is_one_change_with_what_is_true_at_its_end(rig: Rig) -> None:
    for name in ("new", "gone", "back"):
        (rig.folder / name).write_text("1")
    for text in "234":
        (rig.folder / "new").write_text(text)
    (rig.folder / "gone").unlink()
    (rig.folder / "old").unlink()
    (rig.folder / "old").write_text("again, longer")
    (rig.folder / "sub" / "deep").chmod(0o600)
    (rig.folder / "link").symlink_to("nowhere")
    assert rig.told() == {
        "new": "CREATE", "gone": "REMOVE", "back": "CREATE", "old": "WRITE", "sub/deep": "CHMOD", "link": "CREATE",
    }  # fmt: skip
    (rig.folder / "new").write_text("5")
    (rig.folder / "back").unlink()
    (rig.folder / "link").rename(rig.folder / "linked")
    assert rig.told() == {"new": "WRITE", "back": "REMOVE", "link": "RENAME", "linked": "CREATE"}
    assert rig.told() == {}


def test_saving_by_replacing_is_a_write(rig: Rig) -> None:
    (rig.folder / "old.tmp").write_text("new")
    (rig.folder / "old.tmp").rename(rig.folder / "old")
    assert rig.told() == {"old": "WRITE", "old.tmp": "RENAME"}


def test_a_file_that_never_rests_is_told_once_a_second(rig: Rig) -> None:
    told = 0
    for _ in range(44):
        with (rig.folder / "log").open("a") as file:
            file.write("x")
        told += len(rig.turn(after=0.05).changes)
    assert told == 2


@pytest.mark.parametrize("hears", [True, False])
def test_directories_come_and_go_with_what_is_in_them(tmp_path: Path, hears: bool) -> None:  # noqa: FBT001
    rig = Rig(tmp_path, hears=hears)

    def told() -> dict[str, str]:
        rig.turn(after=0 if hears else lookout.POLL_SECONDS)
        return rig.told()

    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_text("1")
    assert told() == {"a/b/one": "CREATE"}
    (tmp_path / "a" / "b" / "two").write_text("2")
    assert told() == {"a/b/two": "CREATE"}
    (tmp_path / "a").rename(tmp_path / "c")
    away = "RENAME" if hears else "REMOVE"
    assert told() == {"a/b/one": away, "a/b/two": away, "c/b/one": "CREATE", "c/b/two": "CREATE"}
    (tmp_path / "c" / "b" / "one").write_text("longer")
    assert told() == {"c/b/one": "WRITE"}
    shutil.rmtree(tmp_path / "c")
    assert told() == {"c/b/one": "REMOVE", "c/b/two": "REMOVE"}
    gone = (f"{tmp_path}/a", f"{tmp_path}/c")
    assert [name for name in rig.lookout.tree.directories if name.startswith(gone)] == []
    assert told() == {}
    rig.close()


def test_names_may_be_any_bytes(rig: Rig) -> None:
    name = os.fsdecode(b"caf\xe9 \n")
    (rig.folder / name).write_text("x")
    assert rig.told() == {name: "CREATE"}


# -- .gitignore


def test_what_git_ignores_is_not_watched_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n/build/\n!keep.log\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "build" / "deep").mkdir(parents=True)
    (tmp_path / "sub" / ".gitignore").write_text("!loud.log\n[bad\n/own\n")
    rig = Rig(tmp_path)
    assert str(tmp_path / "build") not in rig.lookout.tree.directories
    for name in ("a.log", "keep.log", "build/x", "sub/a.log", "sub/loud.log", "sub/own", "own", "sub/build"):
        (tmp_path / name).write_text("x")
    assert set(rig.told()) == {"keep.log", "sub/loud.log", "own", "sub/build"}
    rig.close()


def test_the_rules_of_the_repository_above_hold(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "a" / "work").mkdir(parents=True)
    rig = Rig(tmp_path / "a" / "work", outer=str(tmp_path))
    for name in ("x.log", "x"):
        (rig.folder / name).write_text("x")
    assert set(rig.told()) == {"x"}
    rig.close()


def test_a_changed_gitignore_holds_once_its_own_event_is_out(rig: Rig) -> None:
    (rig.folder / "out").mkdir()
    (rig.folder / "out" / "a").write_text("x")
    assert rig.told() == {"out/a": "CREATE"}
    (rig.folder / ".gitignore").write_text("out/\n*.tmp\n")
    (rig.folder / "x.tmp").write_text("x")
    assert rig.told() == {".gitignore": "CREATE", "x.tmp": "CREATE"}
    for name in ("out/a", "out/b", "x.tmp", "y.tmp"):
        (rig.folder / name).write_text("longer")
    assert rig.told() == {}
    (rig.folder / ".gitignore").unlink()
    assert rig.told() == {".gitignore": "REMOVE"}
    for name in ("out/b", "x.tmp", "z.tmp"):
        (rig.folder / name).write_text("longer still")
    assert rig.told() == {"out/b": "WRITE", "x.tmp": "WRITE", "z.tmp": "CREATE"}


# -- other roots


def test_other_roots_narrow_and_widen_and_plans_are_always_watched(tmp_path: Path) -> None:
    work, aside = tmp_path / "work", tmp_path / "aside"
    for folder in (work / "src", work / "build", aside, work / ".gestalt" / "plans"):
        folder.mkdir(parents=True)
    (work / ".gitignore").write_text("build/\n*.o\n")
    roots = tuple(str(folder) for folder in (work / "src", work / "build", aside))
    rig = Rig(work, roots=roots, outer=str(work))
    for name in ("top", "src/a", "src/a.o", "build/b.o", "../aside/c", ".gestalt/plans/p.org"):
        (work / name).write_text("x")
    assert set(rig.told()) == {"src/a", "build/b.o", "../aside/c", ".gestalt/plans/p.org"}
    rig.close()


def test_a_root_that_goes_and_comes_is_found_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_text("x")
    (tmp_path / "work" / ".gestalt").mkdir(parents=True)
    rig = Rig(tmp_path / "work", roots=(str(root),))
    shutil.rmtree(root)
    assert rig.told() == {"../root/a": "REMOVE"}
    assert rig.turn(after=1).failures == [f"{root} cannot be watched now"]
    root.mkdir()
    (root / "b").write_text("x")
    rig.turn(after=1)
    assert rig.told() == {"../root/b": "CREATE"}
    (root / "c").write_text("x")
    assert rig.told() == {"../root/c": "CREATE"}
    assert rig.lookout.wait() is None
    rig.close()


# -- what is lost is found


def test_a_queue_that_overflows_is_followed_by_a_look_round(rig: Rig) -> None:
    assert rig.inotify is not None
    (rig.folder / "unheard").write_text("x")
    (rig.folder / "sub" / "deep").unlink()
    (rig.folder / "fresh").mkdir()
    (rig.folder / "fresh" / "one").write_text("x")
    while rig.inotify.read():
        pass
    rig.lookout._heard(Event(-1, OVERFLOW, ""), rig.now)
    assert rig.told() == {"unheard": "CREATE", "sub/deep": "REMOVE", "fresh/one": "CREATE"}
    (rig.folder / "fresh" / "two").write_text("x")
    assert rig.told() == {"fresh/two": "CREATE"}


def test_the_real_queue_may_overflow(rig: Rig) -> None:
    for number in range(9_000):
        (rig.folder / f"{number}").write_text("x")
    rig.turn()
    report = rig.turn(after=STILL)
    assert len(report.changes) + report.suppressed == 9_000


def test_who_comes_next_tells_what_nobody_watched(tmp_path: Path) -> None:
    work, file = tmp_path / "work", SnapshotFile(tmp_path / "data" / "snapshot")
    (work / "sub").mkdir(parents=True)
    odd = os.fsdecode(b"\xff")
    for name in ("kept", "gone", "sub/gone", "written", odd):
        (work / name).write_text("x")
    first = Rig(work)
    snapshot = first.snapshot()
    file.draft(first.scope.roots, snapshot.directories, snapshot.branch)
    file.replace()
    first.close()
    (work / "gone").unlink()
    shutil.rmtree(work / "sub")
    (work / "written").write_text("longer")
    (work / "new" / "dir").mkdir(parents=True)
    (work / "new" / "dir" / "file").write_text("x")
    (work / odd).unlink()
    assert file.load(("/elsewhere",)) is None
    second = Rig(work, known=file.load(first.scope.roots))
    assert second.told() == {
        "gone": "REMOVE", "sub/gone": "REMOVE", "written": "WRITE", "new/dir/file": "CREATE", odd: "REMOVE",
    }  # fmt: skip
    second.close()


def test_a_snapshot_that_is_old_or_broken_is_none(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    file = SnapshotFile(path)
    assert file.load(("/w",)) is None
    file.draft(("/w",), {}, "main")
    file.replace()
    loaded = file.load(("/w",))
    assert loaded is not None
    assert loaded.branch == "main"
    for broken in ("", "{", "[]\n", '{"version":1,"roots":["/w"],"branch":null}\n7\n', "\u00e9"):
        path.write_text(broken)
        assert file.load(("/w",)) is None
    file.draft(("/w",), {}, None)
    file.replace()
    os.utime(path, (1, 1))
    assert file.load(("/w",)) is None
    file.alive()
    assert file.load(("/w",)) is not None


def test_who_comes_next_tells_the_branch_that_was_checked_out_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "HEAD").write_text("ref: refs/heads/new")
    for known, told in (("old", ("new", "old")), ("new", None), (None, None)):
        head = Head(None, known)
        head.follow(str(tmp_path))
        assert (head.change(), head.branch) == (told, "new")
    head.follow(None)
    assert (head.change(), head.branch) == (None, "")


# -- limits


def test_what_the_limiter_holds_back_is_counted_and_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.lookout._limiter = Limiter(rig.now, at_once=10, a_second=5)
    for number in range(100):
        (tmp_path / f"{number:03d}").write_text("x")
    (tmp_path / ".gitignore").write_text("none\n")
    rig.turn()
    report = rig.turn(after=STILL)
    assert (len(report.changes), report.suppressed) == (11, 90)
    assert report.changes[-1].path.endswith(".gitignore")
    (tmp_path / "later").write_text("x")
    rig.turn(after=2)
    assert [change.op for change in rig.turn(after=STILL).changes] == ["CREATE"]
    rig.close()


def test_only_so_many_changes_wait_and_the_others_are_counted(rig: Rig) -> None:
    rig.lookout.bursts = rig.lookout.tree._bursts = Bursts(most=10)
    for number in range(50):
        (rig.folder / f"{number:03d}").write_text("x")
    rig.turn()
    report = rig.turn(after=STILL)
    assert len(report.changes) == 10
    assert report.suppressed >= 40
    (rig.folder / "049").write_text("longer")
    assert rig.told() == {"049": "WRITE"}


@pytest.mark.parametrize("name", ["MOST_FILES", "MOST_DIRECTORIES"])
def test_too_many_are_told_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for number in range(5):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "file").write_text("x")
    monkeypatch.setattr(tree, name, 3)
    rig = Rig(tmp_path)
    assert [name.split(":")[0] for name in rig.first.failures][:1] in (
        [["more than 3 files"], ["more than 3 directories"]]
    )  # fmt: skip
    assert rig.lookout.wait() == pytest.approx(lookout.POLL_SECONDS)
    rig.close()


class Exhausted(Inotify):
    """The user has no watch left after the second."""

    count = 0

    def watch(self, directory: str, **wanted: int) -> int:
        self.count += 1
        if self.count > 2:
            raise OSError(28, "No space left on device")
        return super().watch(directory, **wanted)


def test_without_a_watch_left_the_rest_is_looked_at_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watching.Inotify", Exhausted)
    for number in range(4):
        (tmp_path / f"{number}").mkdir()
    rig = Rig(tmp_path)
    assert [why.split(":")[0] for why in rig.first.failures] == ["No space left on device"]
    for number in range(4):
        (tmp_path / f"{number}" / "file").write_text("x")
    rig.turn(after=lookout.POLL_SECONDS)
    assert len(rig.told()) >= 3
    rig.turn(after=lookout.POLL_SECONDS)
    assert rig.turn().failures == []
    rig.close()


def test_a_look_round_can_be_given_up(rig: Rig) -> None:
    (rig.folder / "x").write_text("x")
    rig.lookout.stop()
    rig.lookout._look_at = rig.now
    assert rig.turn().changes == []


@pytest.mark.timeout(10)
def test_thousands_of_directories_that_went_meanwhile_are_told_at_once(tmp_path: Path) -> None:
    gone = {f"{tmp_path}/{number}": {"file": Stamp(1, 1, 1, 1)} for number in range(tree.MOST_DIRECTORIES)}
    rig = Rig(tmp_path, hears=False, known=Snapshot({str(tmp_path): {}, **gone}, None))
    report = rig.turn(after=STILL)
    assert len(report.changes) + report.suppressed == len(gone)
    assert set(rig.lookout.tree.directories) == {str(tmp_path)}
