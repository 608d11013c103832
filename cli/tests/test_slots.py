from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gestalt_cli.stack import slots


@contextmanager
def host(data: Path, slot: int, name: str) -> Iterator[None]:
    """What a live host holds in its slot."""
    folder = data / "slots" / str(slot)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()
    with (folder / f"{name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_data_directory_without_slots_has_no_live_host(tmp_path: Path) -> None:
    assert slots.with_live_host(tmp_path) == 0


def test_what_a_dead_host_left_behind_does_not_count(tmp_path: Path) -> None:
    with host(tmp_path, 0, "host-0.sock"):
        pass
    (tmp_path / "slots" / "1").mkdir()
    (tmp_path / "slots" / "1" / "host-0.sock").touch()
    assert slots.with_live_host(tmp_path) == 0


def test_a_slot_counts_once_however_many_hosts_it_has(tmp_path: Path) -> None:
    with host(tmp_path, 3, "host-0.sock"), host(tmp_path, 3, "host-1.sock"), host(tmp_path, 7, "host-0.sock"):
        assert slots.with_live_host(tmp_path) == 2


def test_asking_leaves_the_lock_free(tmp_path: Path) -> None:
    with host(tmp_path, 0, "host-0.sock"):
        pass
    slots.with_live_host(tmp_path)
    with host(tmp_path, 0, "host-0.sock"):
        assert slots.with_live_host(tmp_path) == 1
