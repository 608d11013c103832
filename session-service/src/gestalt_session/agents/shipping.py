"""Laying out the profiles, prompts and skills that we ship, without ever overwriting what somebody wrote.

The three-way rule (reference, agents §7.2): what we shipped last (the baseline), what lies there, what we ship now.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import msgspec
import structlog

from gestalt_session.agents.files import Unreadable, read_bytes
from gestalt_session.agents.profile import fnv1a64

SHIPPED = Path(__file__).parent / "shipped"
MANIFEST = ".gestalt-baseline-manifest.json"
TURN_SECONDS = 5.0  # how long another worker that lays out the same files is waited for
ASK_EVERY = 0.02

log = structlog.get_logger()


class Decision(Enum):
    """What to do with one file."""

    INSTALL = "install"  # nobody's file: write ours
    KEEP = "keep"  # leave it
    BESIDE = "beside"  # both changed: ours goes beside it, as `.dist`


def decide(baseline: str | None, local: str | None, shipped: str) -> Decision:
    """The rule, on hashes; None: not there."""
    if local is None:
        return Decision.INSTALL
    if shipped in {local, baseline}:
        return Decision.KEEP
    return Decision.INSTALL if local == baseline else Decision.BESIDE


async def lay_out(config: Path, shipped: Path = SHIPPED) -> None:
    """Bring `config` up to what is shipped. Any number of workers may; a folder that cannot be written is told."""
    try:
        await asyncio.to_thread(config.mkdir, parents=True, exist_ok=True)
        await _in_turn(config, shipped)
    except TimeoutError:
        log.warning("the shipped configuration was not looked at: another worker is at it", folder=str(config))
    except OSError as error:
        log.warning("the shipped configuration could not be laid out", folder=str(config), error=str(error))


async def _in_turn(config: Path, shipped: Path) -> None:
    descriptor = os.open(config, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        async with asyncio.timeout(TURN_SECONDS):
            await _lock(descriptor)
        await asyncio.to_thread(update, config, shipped)
    finally:
        os.close(descriptor)


async def _lock(descriptor: int) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(ASK_EVERY)
        else:
            return


def update(config: Path, shipped: Path) -> None:
    """One pass over the shipped files, for whoever holds the turn. Raises OSError."""
    baseline = _baseline(config / MANIFEST)
    known = dict(baseline)
    for name, content in _files(shipped):
        _update(config / name, content, baseline.get(name))
        known[name] = _hash(content)
    if known != baseline:
        _write(config / MANIFEST, msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=2) + b"\n")


def _files(shipped: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(shipped.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(shipped).as_posix(), path.read_bytes()


def _update(path: Path, content: bytes, baseline: str | None) -> None:
    decision = decide(baseline, _local(path), _hash(content))
    if decision is Decision.INSTALL:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, content)
    elif decision is Decision.BESIDE:
        _write_beside(path, content)


def _local(path: Path) -> str | None:
    """The hash of what lies there; of what we cannot or must not replace, a word that is nobody's hash."""
    if not os.path.lexists(path):
        return None
    try:
        return _hash(read_bytes(path)) if not path.is_symlink() else "link"
    except (Unreadable, FileNotFoundError):
        return "unreadable"


def _write_beside(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.dist")
    if beside.exists():
        if beside.read_bytes() == content:
            return
        beside.replace(beside.with_name(f"{beside.name}.{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"))
    _write(beside, content)
    log.warning("a shipped file has changed, and so has yours: ours lies beside it", file=str(path), ours=beside.name)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, so that nobody reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(path)


def _baseline(manifest: Path) -> dict[str, str]:
    """What was shipped last; a manifest that cannot be read knows nothing, so everything there counts as somebody's."""
    try:
        return msgspec.json.decode(read_bytes(manifest), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (Unreadable, msgspec.MsgspecError) as error:
        log.warning("the manifest of shipped files is unreadable", file=str(manifest), error=str(error))
        return {}


def _hash(content: bytes) -> str:
    return f"{fnv1a64(content):016x}"
