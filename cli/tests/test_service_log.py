from __future__ import annotations

import os
from pathlib import Path

from gestalt_cli.stack.service_log import ServiceLog


def test_only_what_was_written_since_is_new(tmp_path: Path) -> None:
    (tmp_path / "session.log").write_bytes(b"from an earlier run\n")
    with ServiceLog(tmp_path, "session") as log:
        assert log.new_lines() == []
        os.write(log.fd, b"one\ntwo\nthr")
        assert log.new_lines() == [b"one", b"two"]
        assert log.new_lines() == []
        os.write(log.fd, b"ee\n")
        assert log.new_lines() == [b"three"]
        assert log.last_line == b"three"


def test_a_log_is_kept_within_its_bound_while_its_writer_goes_on(tmp_path: Path) -> None:
    with ServiceLog(tmp_path, "session", largest=1000) as log:
        for number in range(100):
            os.write(log.fd, b"line %03d %s\n" % (number, b"x" * 40))
            log.new_lines()
        kept = log.path.read_bytes() + (tmp_path / "session.log.1").read_bytes()
    assert len(kept) <= 2 * 1100
    assert b"line 099" in kept


def test_a_flood_is_read_from_its_end(tmp_path: Path) -> None:
    with ServiceLog(tmp_path, "session") as log:
        for _ in range(40):
            os.write(log.fd, b"y" * 65_535 + b"\n")
        os.write(log.fd, b"the last\n")
        lines = log.new_lines()
    assert lines[-1] == b"the last"
    assert len(lines) < 20


def test_a_log_is_its_owners_alone(tmp_path: Path) -> None:
    with ServiceLog(tmp_path, "session") as log:
        assert log.path.stat().st_mode & 0o077 == 0
