"""Our commands for programs in sessions: found last, and nothing else of ours with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gestalt_session.own_commands import offered


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of an installation, with one of our commands."""
    folder = tmp_path / "venv"
    folder.mkdir()
    for name in ("python", "pip", "gestalt-notify"):
        (folder / name).touch()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder


def test_where_none_is_installed_nothing_is_added(installed: Path, tmp_path: Path) -> None:
    (installed / "gestalt-notify").unlink()
    assert offered({"PATH": "/bin"}, tmp_path / "bin") == {"PATH": "/bin"}
    assert not (tmp_path / "bin").exists()


@pytest.mark.usefixtures("installed")
def test_a_folder_that_no_path_can_name_or_nobody_can_write_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "a:b").mkdir()
    assert offered({"PATH": "/bin"}, tmp_path / "a:b" / "bin") == {"PATH": "/bin"}
    assert offered({"PATH": "/bin"}, tmp_path / "missing" / "bin") == {"PATH": "/bin"}


def test_our_commands_alone_come_last_and_follow_the_installation(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gestalt-notify").symlink_to("/somewhere/else")
    for _ in range(2):
        assert offered({"PATH": "/usr/bin:/bin", "A": "b"}, folder) == {"PATH": f"/usr/bin:/bin:{folder}", "A": "b"}
        assert [link.name for link in folder.iterdir()] == ["gestalt-notify"]
        assert (folder / "gestalt-notify").readlink() == installed / "gestalt-notify"


@pytest.mark.usefixtures("installed")
def test_without_a_path_the_systems_stays(tmp_path: Path) -> None:
    assert offered({}, tmp_path / "bin") == {"PATH": f"{os.defpath}:{tmp_path / 'bin'}"}
