from __future__ import annotations

import socket
from pathlib import Path

from gestalt_cli.stack import slots
from gestalt_cli.stack.socket_path import reachable


def bound(path: Path) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reachable(path) as name:
        made.bind(name)
    return made


def test_a_data_directory_without_slots_has_no_live_host(tmp_path: Path) -> None:
    assert slots.with_live_host(tmp_path) == 0


def test_a_socket_that_nobody_listens_on_any_more_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "slots" / "0").mkdir(parents=True)
    bound(tmp_path / "slots" / "0" / "host.sock").close()
    (tmp_path / "slots" / "1").mkdir()
    (tmp_path / "slots" / "1" / "host.sock").write_text("")
    assert slots.with_live_host(tmp_path) == 0


def test_a_slot_counts_once_however_many_hosts_it_has(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    (deep / "slots" / "3").mkdir(parents=True)
    with bound(deep / "slots" / "3" / "host.sock") as one, bound(deep / "slots" / "3" / "host-2.sock") as two:
        one.listen()
        two.listen()
        assert slots.with_live_host(deep) == 1


def test_a_host_that_has_no_time_to_answer_is_alive(tmp_path: Path) -> None:
    (tmp_path / "slots" / "0").mkdir(parents=True)
    path = tmp_path / "slots" / "0" / "host.sock"
    with bound(path) as busy, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as waiting:
        busy.listen(0)
        with reachable(path) as name:
            waiting.connect(name)
        assert slots.listens(path)
