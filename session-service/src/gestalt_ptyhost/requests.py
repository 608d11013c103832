"""What a worker asks for, read from its JSON."""

import errno
from typing import Any, NamedTuple, TypeVar

from gestalt_ptyhost.limits import Loss

V = TypeVar("V")

_MAX_SIDE = 65535  # of a terminal: the kernel keeps an unsigned short
_MAX_OFFSET = 2**63
_MAX_NAME = 4096  # of a uid or a path: they are repeated to every worker that connects


class Refused(Exception):
    """A request that is not carried out; the worker is told why, and what errno it comes to."""

    def __init__(self, error: str, number: int = errno.EINVAL) -> None:
        super().__init__(error)
        self.error = error
        self.number = number


class Keeping(NamedTuple):
    """Where a session's bytes go: its journal's directory, how many bytes are kept, in segments of what size."""

    journal: str
    cap: int
    segment: int


class Creation(NamedTuple):
    """A program to be started in a terminal of its own."""

    uid: str
    argv: list[bytes]
    env: dict[bytes, bytes]
    cwd: bytes
    cols: int
    rows: int
    keeping: Keeping


class Adoption(NamedTuple):
    """A terminal to be taken over from a host that died.

    `end` is the end of its journal as the worker knows it: beyond what is on disk if that end was a hole.
    """

    uid: str
    pid: int
    keeping: Keeping
    end: int


def creation_of(body: dict[str, Any]) -> Creation:
    """Read a CREATE; Refused when a field is missing or is not what it should be."""
    creation = Creation(
        uid=_name(body, "uid"),
        argv=[_bytes("argv", text) for text in _field(body, "argv", list)],
        env={_bytes("env", name): _bytes("env", value) for name, value in _field(body, "env", dict).items()},
        cwd=_bytes("cwd", body.get("cwd")),
        cols=_positive(body, "cols"),
        rows=_positive(body, "rows"),
        keeping=_keeping_of(body),
    )
    if not creation.argv:
        raise Refused("argv must not be empty")
    if not all(name and b"=" not in name for name in creation.env):
        raise Refused("env must not have names that are empty or contain =")
    if max(creation.cols, creation.rows) > _MAX_SIDE:
        raise Refused(f"a terminal of {creation.cols} x {creation.rows} cannot be")
    return creation


def adoption_of(body: dict[str, Any], end: int) -> Adoption:
    """Read an ADOPT; Refused when a field is missing or is not what it should be."""
    if end > _MAX_OFFSET:
        raise Refused(f"no journal ends at {end}")
    return Adoption(uid=_name(body, "uid"), pid=_positive(body, "pid"), keeping=_keeping_of(body), end=end)


def cap_of(body: dict[str, Any]) -> int:
    """Read a CAP, in bytes."""
    return _positive(body, "cap")


def loss_of(body: dict[str, Any]) -> Loss:
    """Read of a LIMIT what follows once the worker is lost."""
    return Loss(_perhaps(body, "lost"), _perhaps(body, "viewers"))


def _keeping_of(body: dict[str, Any]) -> Keeping:
    journal = _name(body, "journal")
    if not journal.startswith("/"):
        raise Refused(f"journal must be an absolute path, not {journal!r}")
    return Keeping(journal, _positive(body, "cap"), _positive(body, "segment"))


def _bytes(name: str, value: object) -> bytes:
    """The bytes a string stood for: what was no UTF-8 has travelled as lone surrogates."""
    if not isinstance(value, str) or "\0" in value:
        raise Refused(f"{name} must hold strings without NUL, not {value!r:.80}")
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Refused(f"{name} holds a string that stands for no bytes: {error}") from error


def _perhaps(body: dict[str, Any], name: str) -> int | None:
    return None if body.get(name) is None else _field(body, name, int)


def _field(body: dict[str, Any], name: str, kind: type[V]) -> V:
    value = body.get(name)
    if type(value) is not kind:
        raise Refused(f"{name} must be {kind.__name__}, not {value!r:.80}")
    return value


def _name(body: dict[str, Any], name: str) -> str:
    value = _field(body, name, str)
    if not 0 < len(_bytes(name, value)) <= _MAX_NAME:
        raise Refused(f"{name} must be a short text, not {value!r:.80}")
    return value


def _positive(body: dict[str, Any], name: str) -> int:
    value = _field(body, name, int)
    if value <= 0:
        raise Refused(f"{name} must be positive, not {value}")
    return value
