"""The check without a service, as the command line runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The real program."""
    command = [sys.executable, "-m", "gestalt_session.agents.check", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = run("--agents-dir", "none", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "agents directory none does not exist\n")


def test_each_profile_has_its_line(tmp_path: Path) -> None:
    folder = tmp_path / ".gestalt" / "config" / "agents"
    folder.mkdir(parents=True)
    (folder / "bad.toml").write_text("singleton = 1\n")
    (folder / "good.toml").write_text('name = "Good"\ncli_type = "codex"\nfuture = 1\n')
    (folder / "my agent.toml").touch()
    done = run(cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert lines[0].startswith("ERROR bad.toml: line 1: singleton: expected bool, got int (1); ")
    assert lines[1] == "OK good (Good)"
    assert lines[2].startswith("ERROR my agent.toml: the name is no agent id")
    assert lines[3:] == ["Summary: 1 valid, 2 invalid"]
    assert done.stderr == "WARNING good.toml: line 3: future: unknown field\n"


def test_nothing_but_good_ones_is_success(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "A"\nshell = "bash"\n')
    done = run("--agents-dir", str(tmp_path), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "OK a (A)\nSummary: 1 valid, 0 invalid\n")


@pytest.mark.parametrize("path", ["s", "s/SKILL.md", "."])
def test_a_skill_by_its_folder_or_file(tmp_path: Path, path: str) -> None:
    file = tmp_path / "s" / "SKILL.md"
    file.parent.mkdir()
    where = tmp_path if path != "." else file.parent
    assert run("--skill", path, cwd=where).returncode == 1
    file.write_text("---\nname: s\n---\n")
    assert run("--skill", path, cwd=where).stderr.endswith("SKILL.md: skill description must be 1-1024 characters\n")
    file.write_text("---\nname: s\ndescription: d\n---\n")
    done = run("--skill", path, cwd=where)
    assert (done.returncode, done.stdout) == (0, "skill ok: s\n")
