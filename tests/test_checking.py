"""`gestalt config validate` and `gestalt validate-skill`: the session service's own rules, without a server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def test_configuration_is_checked_by_the_services_own_rules(tmp_path: Path) -> None:
    pytest.importorskip("gestalt_session.agents.check")
    agents = tmp_path / ".gestalt" / "config" / "agents"
    agents.mkdir(parents=True)
    (agents / "good.toml").write_text('name = "Good"\nshell = "bash"\n')
    argv = [BIN / "gestalt", "config", "validate"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"OK good (Good)\nSummary: 1 valid, 0 invalid\n")
    (agents / "bad.toml").write_text("name = \n")
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert b"ERROR bad.toml: " in done.stdout
    assert b"Summary: 1 valid, 1 invalid\n" in done.stdout
    done = subprocess.run([BIN / "gestalt", "validate-skill", tmp_path], capture_output=True, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
