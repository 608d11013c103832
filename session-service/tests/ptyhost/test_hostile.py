"""Garbage on the wire ends a connection and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ptyhost_client import HostProcess, Worker, alive, open_files

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind

Connect = Callable[[], Worker]


@pytest.mark.parametrize(
    "datagram",
    [
        b"x",
        bytes(15),
        wire.pack(128),
        wire.pack(Kind.CREATE, 1, payload=b"{"),
        wire.pack(Kind.CREATE, 1, payload=b"[" * 60_000),
        wire.pack(Kind.ADOPT, 1, payload=b"null"),
        wire.pack(Kind.CAP, 1, payload=b"\xff"),
        wire.pack(Kind.CREATE, 1, flags=wire.MEMFD),
        wire.pack(Kind.PING, payload=bytes(wire.MAX_PAYLOAD + 1)),
    ],
)
def test_a_datagram_that_breaks_the_rules_ends_its_connection_only(connect: Connect, datagram: bytes) -> None:
    worker = connect()
    program = worker.create(7, ["cat"])
    worker.send_raw(datagram)
    worker.until_closed()

    second = connect()

    second.until(Kind.SESSION, 7)
    second.type(7, b"on\n")
    second.wait_text(7, b"on\r\non\r\n")
    assert alive(program)


@pytest.mark.parametrize("kind", [0, 9, 63, *range(64, 74), 127])
def test_kinds_that_are_not_for_a_host_are_ignored(worker: Worker, kind: int) -> None:
    worker.send_raw(wire.pack(kind, 1, 2, b"anything", 0xFE, b"extension"))

    worker.answered()


@pytest.mark.parametrize("kind", [Kind.LIMIT, Kind.RESUME, Kind.FORGET])
def test_a_session_that_is_not_there_is_ignored(worker: Worker, kind: Kind) -> None:
    worker.send(kind, 99)

    worker.answered()


def test_descriptors_nobody_asked_for_are_closed(worker: Worker) -> None:
    before = open_files(worker.pid)

    worker.send_raw(wire.pack(Kind.LIMIT, 99), [0, 1, 2])
    worker.answered()

    assert open_files(worker.pid) == before


def test_a_worker_that_only_asks_and_never_reads_is_let_go(connect: Connect) -> None:
    worker = connect()
    worker.create(1, ["cat"])
    with suppress(BrokenPipeError, ConnectionResetError):
        while True:
            worker.send(Kind.PING, 0, 1)

    connect().until(Kind.SESSION, 1)


WORDS = st.sampled_from(
    ["uid", "argv", "env", "cwd", "cols", "rows", "journal", "cap", "segment", "pid", "/", "sh", "/nowhere/journal"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(WORDS, VALUES, max_size=9).map(lambda body: wire.pack_json(0, body)[wire.HEADER.size :])
DATAGRAMS = st.binary(max_size=40) | st.builds(
    wire.pack,
    st.sampled_from(Kind) | st.integers(0, 255),
    st.integers(0, 3) | st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    BODIES | st.binary(max_size=100),
    st.integers(0, 3),
    st.binary(max_size=20),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DATAGRAMS.filter(lambda datagram: datagram[:1] != bytes([Kind.RETIRE])), max_size=12))
def test_no_datagrams_disturb_the_host_or_its_programs(host: HostProcess, datagrams: list[bytes]) -> None:
    with Worker(host) as worker:
        if 7 not in worker.hello["sessions"]:
            worker.create(7, ["cat"])
        for datagram in datagrams:
            with suppress(OSError):
                worker.send_raw(datagram)
    with Worker(host) as second:
        second.until(Kind.SESSION, 7)
        second.type(7, b"on\n")
        second.wait_text(7, b"on\r\n")
    assert "failed" not in host.log.read_text()
