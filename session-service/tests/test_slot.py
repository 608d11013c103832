"""A slot is one worker's for as long as it holds the lock, and the same worker's ever after."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from gestalt_ptyhost.listening import Listener, reachable
from gestalt_session.terminal.slot import claim_slot, replace_file


def test_a_slot_that_is_held_is_nobody_elses(tmp_path: Path) -> None:
    held = claim_slot(tmp_path, 3)
    with pytest.raises(BlockingIOError):
        claim_slot(tmp_path, 3)
    held.release()
    claim_slot(tmp_path, 3).release()


def test_workers_get_slots_of_their_own_lowest_first(tmp_path: Path) -> None:
    slots = [claim_slot(tmp_path) for _ in range(3)]
    assert [slot.folder.name for slot in slots] == ["0", "1", "2"]
    assert len({slot.worker_id for slot in slots}) == 3
    slots[1].release()
    again = claim_slot(tmp_path)
    assert again.worker_id == slots[1].worker_id, "a slot keeps its worker's id"
    for slot in (slots[0], slots[2], again):
        slot.release()


def test_a_slot_whose_terminals_live_is_claimed_first(tmp_path: Path) -> None:
    claim_slot(tmp_path, 5).release()
    host = Listener(str(tmp_path / "slots" / "5" / "host-1.sock"))
    slot = claim_slot(tmp_path)
    assert slot.folder.name == "5"
    slot.release()
    host.close()
    (slot.folder / "host-1.sock").touch()
    first = claim_slot(tmp_path)
    assert first.folder.name == "0", "what a dead host left behind is no host"
    first.release()


def test_a_slot_whose_tmux_lives_is_claimed_first(tmp_path: Path) -> None:
    claim_slot(tmp_path, 5).release()
    with socket.socket(socket.AF_UNIX) as server:
        with reachable(str(tmp_path / "slots" / "5" / "tmux.sock")) as short:
            server.bind(short)
        server.listen()
        slot = claim_slot(tmp_path)
        assert slot.folder.name == "5"
        slot.release()
    first = claim_slot(tmp_path)
    assert first.folder.name == "0", "what a dead tmux left behind holds nothing"
    first.release()


def test_a_generation_never_goes_back(tmp_path: Path) -> None:
    slot = claim_slot(tmp_path)
    slot.keep_generation(7)
    slot.keep_generation(3)
    slot.release()
    again = claim_slot(tmp_path)
    assert again.state.generation == 7
    again.release()


def test_files_are_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"a longer content")
    replace_file(path, b"short")
    assert path.read_bytes() == b"short"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
