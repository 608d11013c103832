"""The wire: what is refused, and the bytes of every message as released."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ptyhost_client import open_files

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind, Message, WireError

GOLDEN = Path(__file__).parent / "golden"

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


@pytest.mark.parametrize(
    ("datagram", "error"),
    [
        (b"", "shorter than its header"),
        (bytes(15), "shorter than its header"),
        (wire.pack(Kind.PING, extension=b"xy")[:-1], "does not fit an extension"),
        (wire.pack(Kind.DATA, payload=bytes(wire.MAX_PAYLOAD + 1)), "does not fit an extension"),
        (wire.pack(128), "must not be ignored"),
        (wire.pack(255), "must not be ignored"),
    ],
)
def test_a_datagram_that_breaks_the_rules_is_refused(datagram: bytes, error: str) -> None:
    with pytest.raises(WireError, match=error):
        wire.unpack(datagram)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b"[" * 50_000, b"1" * 5000, b'{"a":1}x'])
def test_a_payload_that_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError, match="JSON"):
        wire.json_of(Message(Kind.CREATE, 0, 0, 0, payload))


def test_a_payload_over_its_bounds_is_refused(pair: Pair) -> None:
    with pytest.raises(WireError, match="is over"):
        wire.pack_json(Kind.CREATE, {"a": "x" * wire.MAX_PAYLOAD})
    with pytest.raises(WireError, match="is over"):
        wire.send_json(pair[0], Kind.CREATE, {"a": "x" * wire.MAX_MEMFD})


def test_an_extension_is_skipped() -> None:
    assert wire.unpack(wire.pack(Kind.END, 3, 9, b"payload", 0, b"extension")) == Message(Kind.END, 0, 3, 9, b"payload")


def test_a_kind_that_is_not_known_yet_is_a_message() -> None:
    assert wire.unpack(wire.pack(127, 1, 2)).kind == 127


@given(
    st.integers(0, 127),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=200),
    st.integers(0, 255),
    st.binary(max_size=50),
)
def test_what_was_packed_is_unpacked(
    kind: int, session: int, offset: int, payload: bytes, flags: int, extension: bytes
) -> None:
    datagram = wire.pack(kind, session, offset, payload, flags, extension)

    assert wire.unpack(datagram) == Message(kind, flags, session, offset, payload)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error(datagram: bytes) -> None:
    try:
        message = wire.unpack(datagram)
        wire.json_of(message)
    except WireError:
        pass


@given(st.dictionaries(st.text(), st.text(st.characters(codec="utf-8") | st.just("\udc80")), max_size=5))
def test_texts_of_any_bytes_travel_in_json(body: dict[str, str]) -> None:
    assert wire.json_of(wire.unpack(wire.pack_json(Kind.CREATE, body))) == body


def test_descriptors_arrive_close_on_exec(pair: Pair) -> None:
    wire.send_json(pair[0], Kind.ADOPT, {"pid": 1}, 7, 8, [0, 1])

    received = wire.receive(pair[1])

    assert received is not None
    message, fds = received
    assert (message.kind, message.session, message.offset) == (Kind.ADOPT, 7, 8)
    assert [os.get_inheritable(fd) for fd in fds] == [False, False]
    wire.close_all(fds)


def test_a_large_object_travels_in_a_memfd_that_the_receiver_never_sees(pair: Pair) -> None:
    body = {"env": {"A": "x" * 1_000_000}}
    before = open_files(os.getpid())

    wire.send_json(pair[0], Kind.CREATE, body, 5)
    received = wire.receive(pair[1])

    assert received is not None
    assert (wire.json_of(received[0]), received[0].flags, received[1]) == (body, 0, [])
    assert open_files(os.getpid()) == before


def test_the_end_of_the_connection_is_none(pair: Pair) -> None:
    pair[0].close()

    assert wire.receive(pair[1]) is None


def unsealed_memfd(size: int = 10) -> int:
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, size)
    return fd


def sealed_memfd(size: int) -> int:
    fd = unsealed_memfd(size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, 15)
    return fd


def device() -> int:
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


@pytest.mark.parametrize("open_fd", [unsealed_memfd, device, lambda: sealed_memfd(wire.MAX_MEMFD + 1)])
def test_a_payload_in_anything_but_a_small_sealed_memfd_is_refused(pair: Pair, open_fd: object) -> None:
    assert callable(open_fd)
    fd = open_fd()
    wire.send(pair[0], wire.pack(Kind.CREATE, flags=wire.MEMFD), [fd])
    os.close(fd)
    before = open_files(os.getpid())

    with pytest.raises(WireError, match="memfd"):
        wire.receive(pair[1])

    assert open_files(os.getpid()) == before


def test_a_memfd_announced_and_not_sent_is_refused(pair: Pair) -> None:
    wire.send(pair[0], wire.pack(Kind.CREATE, flags=wire.MEMFD))

    with pytest.raises(WireError, match="without its descriptor"):
        wire.receive(pair[1])


def test_more_descriptors_than_any_message_has_are_refused_and_closed(pair: Pair) -> None:
    before = open_files(os.getpid())
    wire.send(pair[0], wire.pack(Kind.ADOPT), [0] * (wire.MAX_FDS + 30))

    with pytest.raises(WireError, match="did not fit"):
        wire.receive(pair[1])

    assert open_files(os.getpid()) == before


EXAMPLE_CREATE = {
    "uid": "01930000-0000-7000-8000-000000000001",
    "argv": ["sh", "-c", "printf hello; exit 3"],
    "env": {"PATH": "/usr/bin:/bin", "TERM": "xterm-256color"},
    "cwd": "/",
    "cols": 80,
    "rows": 24,
    "journal": "/data/sessions/01930000-0000-7000-8000-000000000001/journal",
    "cap": 67108864,
    "segment": 4194304,
}
EXAMPLE_ADOPT = {
    "uid": "01930000-0000-7000-8000-000000000001",
    "pid": 4711,
    "journal": "/data/sessions/01930000-0000-7000-8000-000000000001/journal",
    "cap": 67108864,
    "segment": 4194304,
}
EXAMPLE_SESSION = EXAMPLE_ADOPT | {"base": 0, "limit": None, "exited": False, "exit_code": None}
EXAMPLE_HELLO = {"wire": 1, "version": "0.1.0", "pid": 4710, "sessions": [1, 2], "retiring": False}

V1 = {
    "create": wire.pack_json(Kind.CREATE, EXAMPLE_CREATE, 1),
    "adopt": wire.pack_json(Kind.ADOPT, EXAMPLE_ADOPT, 1, 5),
    "limit": wire.pack_json(Kind.LIMIT, {"lost": 4294967297}, 1, 4294967296),
    "resume": wire.pack(Kind.RESUME, 1),
    "forget": wire.pack(Kind.FORGET, 1),
    "cap": wire.pack_json(Kind.CAP, {"cap": 1048576}, 1),
    "retire": wire.pack(Kind.RETIRE),
    "ping": wire.pack(Kind.PING, 0, 0x0123456789ABCDEF),
    "hello": wire.pack_json(Kind.HELLO, EXAMPLE_HELLO),
    "session": wire.pack_json(Kind.SESSION, EXAMPLE_SESSION, 1, 5),
    "created": wire.pack_json(Kind.CREATED, {"pid": 4711}, 1),
    "failed": wire.pack_json(Kind.FAILED, {"error": "nosuch: No such file or directory", "errno": 2}, 1),
    "data": wire.pack(Kind.DATA, 1, 4294967296, b"hello\r\n\x1b[31m\xff"),
    "end": wire.pack(Kind.END, 1, 4294967310),
    "segment": wire.pack_json(Kind.SEGMENT, {"base": 4194304}, 1, 8388608),
    "exit": wire.pack_json(Kind.EXIT, {"exit_code": -9}, 1, 7),
    "hole": wire.pack_json(Kind.HOLE, {"length": 4096}, 1, 7),
    "pong": wire.pack(Kind.PONG, 0, 0x0123456789ABCDEF),
    "with-extension": wire.pack(Kind.END, 1, 7, b"", 0, b"from a later release"),
}
"""One message of each kind as release 0.1 packs it. Files are added for new kinds, never changed."""


@pytest.mark.parametrize("name", V1)
def test_every_message_is_packed_as_released(name: str) -> None:
    assert (GOLDEN / "v1" / f"{name}.bin").read_bytes() == V1[name]


def test_every_kind_has_a_golden_file() -> None:
    kinds = {wire.unpack(path.read_bytes()).kind for path in (GOLDEN / "v1").glob("*.bin")}

    assert kinds == set(Kind)
