"""The folder: crashes, bad files, two writers; then order, edits by hand, defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from gestalt_flow.defaults import DEFAULTS
from gestalt_flow.documents import file_text
from gestalt_flow.fields import fields_of
from gestalt_flow.folder import PENDING, Folder, FolderFailed, Stale
from gestalt_flow.matching import Index
from gestalt_flow.model import Binding, Flow, Trigger


def flow(trigger_id: str, **more: Any) -> Flow:
    toast = Binding("toast_notification", {"level": "info", "message_template": "x"})
    return Flow(Trigger(id=trigger_id, event_type="file-change", where={}, **more), (toast,))


def ids(folder: Folder) -> list[str]:
    return [found.id for found in folder.load().flows]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "config" / "flows")


def test_a_missing_folder_is_an_empty_configuration(folder: Folder) -> None:
    loaded = folder.load()
    assert (loaded.flows, loaded.problems) == ((), ())
    assert folder.signature() == ()


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "flows").write_text("")
    with pytest.raises(FolderFailed):
        Folder(tmp_path / "flows").load()


def test_one_bad_file_stays_where_it_is_and_harms_no_other(folder: Folder) -> None:
    folder.save([flow("a"), flow("b")])
    bad = folder.path / "c.flow.yaml"
    bad.write_text("id: c\nevent_type: 5\n")
    (folder.path / "huge.flow.yaml").write_text("x" * (1 << 21))
    (folder.path / "dangling.flow.yaml").symlink_to("/nowhere/at/all")
    (folder.path / "notes.yaml").write_text("mine")
    loaded = folder.load()
    assert [found.id for found in loaded.flows] == ["a", "b"]
    assert [problem.path for problem in loaded.problems] == ["c.flow.yaml", "dangling.flow.yaml", "huge.flow.yaml"]
    assert loaded.problems[0].message == "event_type: event_type must be a string"
    folder.save([flow("c")])
    assert bad.read_text() == "id: c\nevent_type: 5\n"
    assert ids(folder) == ["c"]
    assert sorted(path.name for path in folder.path.glob("*.yaml")) == [
        "c-2.flow.yaml",
        "c.flow.yaml",
        "dangling.flow.yaml",
        "huge.flow.yaml",
        "notes.yaml",
    ]


def test_of_two_files_with_one_id_the_later_is_set_aside(folder: Folder) -> None:
    folder.save([flow("a")])
    (folder.path / "z.flow.yaml").write_text(file_text(flow("a", label="other")))
    loaded = folder.load()
    assert [found.trigger.label for found in loaded.flows] == [""]
    assert [problem.message for problem in loaded.problems] == ['trigger id "a" is also in a.flow.yaml']


def test_an_old_revision_saves_nothing(folder: Folder) -> None:
    first = folder.save([flow("a")])
    second = folder.save([flow("b")], first.revision)
    assert second.revision != first.revision
    with pytest.raises(Stale):
        folder.save([flow("c")], first.revision)
    assert ids(folder) == ["b"]


def test_order_is_kept_and_names_cannot_leave_the_folder(folder: Folder) -> None:
    folder.save([flow("z"), flow("../../etc/x"), flow("a")])
    assert ids(folder) == ["z", "../../etc/x", "a"]
    assert (folder.path / "etc-x.flow.yaml").exists()
    revision = folder.load().revision
    folder.save([flow("a"), flow("z"), flow("../../etc/x")])
    assert ids(folder) == ["a", "z", "../../etc/x"]
    assert folder.load().revision != revision


def test_edits_by_hand_are_seen_and_a_save_that_changes_nothing_keeps_them(folder: Folder) -> None:
    folder.save([flow("a")])
    before = folder.signature()
    text = "# mine\n" + file_text(flow("a", label="by hand"))
    (folder.path / "a.flow.yaml").write_text(text)
    assert folder.signature() != before
    folder.save([*folder.load().flows, flow("b")])
    assert (folder.path / "a.flow.yaml").read_text() == text


@pytest.mark.parametrize("steps", range(9))
def test_a_crash_at_any_step_leaves_the_old_or_the_new_set(folder: Folder, steps: int) -> None:
    """Each file that is put in place is a step; the process dies in one of them."""
    folder.save([flow("a"), flow("b")])
    script = f"""
        import os, pathlib
        from gestalt_flow import folder
        from gestalt_flow.model import Flow, Trigger
        left = {steps}
        def count(real):
            def step(*args, **more):
                global left
                if left == 0:
                    os._exit(9)
                left -= 1
                return real(*args, **more)
            return step
        pathlib.Path.replace = count(pathlib.Path.replace)
        pathlib.Path.unlink = count(pathlib.Path.unlink)
        folder.Folder(pathlib.Path({str(folder.path)!r})).save(
            [Flow(Trigger(id=name, event_type="x", where={{}})) for name in ("b", "c", "d")])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False, timeout=30)
    assert done.returncode in {0, 9}
    assert ids(folder) in (["a", "b"], ["b", "c", "d"])
    assert not (folder.path / PENDING).exists()
    assert (done.returncode == 0) == (steps > 6)


def test_two_writers_never_mix(folder: Folder) -> None:
    script = """
        import sys, pathlib
        from gestalt_flow.folder import Folder
        from gestalt_flow.model import Flow, Trigger
        for n in range(15):
            Folder(pathlib.Path(sys.argv[1])).save(
                [Flow(Trigger(id=f"{sys.argv[2]}{k}", event_type="x", where={})) for k in range(4)])
    """
    argv = [sys.executable, "-c", textwrap.dedent(script), str(folder.path)]
    writers = [subprocess.Popen([*argv, name]) for name in "ab"]
    while any(writer.poll() is None for writer in writers):
        assert ids(folder) in ([], [f"a{k}" for k in range(4)], [f"b{k}" for k in range(4)])
    assert [writer.returncode for writer in writers] == [0, 0]


def test_a_deleted_default_stays_deleted(folder: Folder) -> None:
    folder.install(DEFAULTS)
    assert ids(folder) == ["default-file-changed"]
    folder.save([])
    folder.install(DEFAULTS)
    assert ids(folder) == []
    assert json.loads((folder.path / ".installed").read_text()) == ["default-file-changed"]


def test_the_default_can_fire() -> None:
    from gestalt_contracts.events import Event, now  # noqa: PLC0415 - of this test alone

    saved = Event(type="file-change", topic="file", occurred_at=now(), data={"path": "/w/README.md", "op": "WRITE"})
    assert Index(DEFAULTS).matching(fields_of(saved))


def test_a_read_only_folder_can_be_read(folder: Folder) -> None:
    folder.save([flow("a")])
    folder.path.chmod(0o555)
    try:
        assert ids(folder) == ["a"]
        if os.geteuid():
            with pytest.raises(FolderFailed):
                folder.save([])
    finally:
        folder.path.chmod(0o755)
