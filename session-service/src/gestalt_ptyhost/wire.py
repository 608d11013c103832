"""The wire between a session worker and a pty host: one SOCK_SEQPACKET datagram a message.

A datagram is a 16-byte header, an extension that is skipped by whoever does not know it, and a payload.
Types are never redefined, only added. Unknown types below 128 are ignored, of 128 and above end the connection.
A JSON payload over 60 KiB travels in a sealed memfd, the last descriptor of its datagram, flag MEMFD set.
"""

import array
import fcntl
import json
import os
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

VERSION: Final = 1
MEMFD: Final = 1
HEADER: Final = struct.Struct("<BBHIQ")
MAX_PAYLOAD: Final = 60 * 1024
MAX_EXTENSION: Final = 0xFFFF
MAX_DATAGRAM: Final = HEADER.size + MAX_EXTENSION + MAX_PAYLOAD
MAX_MEMFD: Final = 8 * 1024 * 1024
MAX_FDS: Final = 8
FIRST_FATAL_KIND: Final = 128

_ANCILLARY: Final = socket.CMSG_SPACE(MAX_FDS * array.array("i").itemsize)
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Kind(IntEnum):
    """What a datagram says: below 64 the worker speaks, from 64 on the host. Payloads are JSON unless said otherwise.

    "Terminal" stands for four descriptors: master, pipe's reading end, pipe's writing end, pidfd.
    """

    CREATE = 1
    """{uid, argv, env, cwd, cols, rows, journal, cap, segment}: start a program. Answer: CREATED or FAILED."""
    ADOPT = 2
    """{uid, pid, journal, cap, segment}, terminal, offset = end as last told (or 0): read on for a dead host.
    Answer: SESSION or FAILED."""
    LIMIT = 3
    """{lost, viewers}, offset = where to stop reading this session: for 5 s, or until the next LIMIT or RESUME.
    `lost`: where to stop if the worker is lost in that time, or null. `viewers`: how many will be missed then, or
    nothing; kept for the next worker."""
    RESUME = 4
    """No payload: read on without a limit."""
    FORGET = 5
    """No payload: the exit was noted, drop the entry."""
    CAP = 6
    """{cap}: keep at most so many bytes from now on."""
    RETIRE = 7
    """No payload: no new sessions; end when none is left."""
    PING = 8
    """No payload, offset = a token. Answer: PONG."""

    HELLO = 64
    """{wire, version, pid, sessions, retiring}, first of all; one SESSION for each number in `sessions` follows."""
    SESSION = 65
    """{uid, pid, journal, cap, segment, base, limit, viewers, exited, exit_code}, offset = end; terminal unless exited.
    `limit`, `viewers`: how far it was to be read when the last worker was lost, and how many watched it then."""
    CREATED = 66
    """{pid}, terminal, offset = end."""
    FAILED = 67
    """{error, errno}: for people, and for programs."""
    DATA = 68
    """Raw bytes, offset of the first: they are in the journal (or in the HOLE that is told next)."""
    END = 69
    """No payload, offset = the new end: look into the journal."""
    SEGMENT = 70
    """{base}, offset = where a segment starts: a new one, or the newest again when only the base has moved."""
    EXIT = 71
    """{exit_code}, offset = the final end: code, negative signal number, or null when unknown."""
    HOLE = 72
    """{length}, offset = start: bytes that are in no segment."""
    PONG = 73
    """No payload, offset = the token."""


class WireError(ValueError):
    """The other side broke the wire's rules; the connection is of no further use."""


class Message(NamedTuple):
    """One datagram, taken apart. `kind` may be a number this release does not know."""

    kind: int
    flags: int
    session: int
    offset: int
    payload: bytes


def pack(
    kind: int, session: int = 0, offset: int = 0, payload: bytes = b"", flags: int = 0, extension: bytes = b""
) -> bytes:
    """One datagram's bytes."""
    return HEADER.pack(kind, flags, len(extension), session, offset) + extension + payload


def unpack(datagram: bytes) -> Message:
    """Take one datagram apart; WireError when it is too short, too long or of a fatal kind."""
    size = len(datagram)
    if size < HEADER.size:
        raise WireError(f"a datagram of {size} bytes is shorter than its header of {HEADER.size}")
    kind, flags, extension, session, offset = HEADER.unpack_from(datagram)
    start = HEADER.size + extension
    if not start <= size <= start + MAX_PAYLOAD:
        raise WireError(f"a datagram of {size} bytes does not fit an extension of {extension} bytes")
    if kind >= FIRST_FATAL_KIND:
        raise WireError(f"kind {kind} must not be ignored and is not known")
    return Message(kind, flags, session, offset, datagram[start:])


def pack_json(kind: int, body: dict[str, Any], session: int = 0, offset: int = 0) -> bytes:
    """One datagram whose payload is a JSON object of at most 60 KiB; for larger ones see `send_json`."""
    payload = _encode(body)
    if len(payload) > MAX_PAYLOAD:
        raise WireError(f"a payload of {len(payload)} bytes is over {MAX_PAYLOAD}")
    return pack(kind, session, offset, payload)


def json_of(message: Message) -> dict[str, Any]:
    """The JSON object a message carries; WireError when it is none."""
    try:
        body = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        raise WireError(f"the payload of kind {message.kind} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise WireError(f"the payload of kind {message.kind} is no JSON object")
    return body


def send(sock: socket.socket, datagram: bytes, fds: Sequence[int] = ()) -> None:
    """Send one datagram with its descriptors; BlockingIOError when a non-blocking socket has no room."""
    if fds:
        socket.send_fds(sock, [datagram], list(fds))
    else:
        sock.send(datagram)


def send_json(
    sock: socket.socket,
    kind: int,
    body: dict[str, Any],
    session: int = 0,
    offset: int = 0,
    fds: Sequence[int] = (),
) -> None:
    """Send a JSON object, in a sealed memfd when it is over 60 KiB; WireError when it is over 8 MiB."""
    payload = _encode(body)
    if len(payload) <= MAX_PAYLOAD:
        send(sock, pack(kind, session, offset, payload), fds)
        return
    memfd = _sealed(payload)
    try:
        send(sock, pack(kind, session, offset, b"", MEMFD), [*fds, memfd])
    finally:
        os.close(memfd)


def receive(sock: socket.socket) -> tuple[Message, list[int]] | None:
    """The next message and the descriptors it brought (close-on-exec; the caller's to close), None at the end.

    A payload in a memfd has been read and its descriptor closed. WireError when the datagram breaks the rules;
    BlockingIOError when a non-blocking socket has none.
    """
    datagram, ancillary, flags, _ = sock.recvmsg(MAX_DATAGRAM, _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
    fds = _descriptors(ancillary) if ancillary else []
    try:
        _must_be_whole(flags)
        return (_complete(unpack(datagram), fds), fds) if datagram else None
    except BaseException:
        close_all(fds)
        raise


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors that a message brought and nobody wants."""
    for fd in fds:
        os.close(fd)


def _encode(body: dict[str, Any]) -> bytes:
    """ASCII JSON: bytes of an environment that are not UTF-8 travel as lone surrogates."""
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return list(fds)


def _must_be_whole(flags: int) -> None:
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise WireError("a datagram or its descriptors did not fit")


def _complete(message: Message, fds: list[int]) -> Message:
    """The message with its payload in place, wherever it travelled."""
    if not message.flags & MEMFD:
        return message
    if not fds:
        raise WireError("a payload in a memfd came without its descriptor")
    memfd = fds.pop()
    try:
        return message._replace(flags=message.flags & ~MEMFD, payload=_unsealed(memfd))
    finally:
        os.close(memfd)


def _sealed(payload: bytes) -> int:
    if len(payload) > MAX_MEMFD:
        raise WireError(f"a payload of {len(payload)} bytes is over {MAX_MEMFD}")
    memfd = os.memfd_create("gestalt-wire", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(memfd, "wb", closefd=False) as file:
            file.write(payload)
        fcntl.fcntl(memfd, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(memfd)
        raise
    return memfd


def _unsealed(memfd: int) -> bytes:
    """Read a memfd; it must be sealed, so that neither its size nor its bytes change while it is read."""
    try:
        seals = fcntl.fcntl(memfd, fcntl.F_GET_SEALS)
        size = os.fstat(memfd).st_size
        if seals & _SEALS != _SEALS or size > MAX_MEMFD:
            raise WireError(f"a memfd of {size} bytes with seals {seals:#x} is not taken")
        return os.pread(memfd, size, 0)
    except OSError as error:
        raise WireError(f"a payload's descriptor is not a readable memfd: {error}") from error
