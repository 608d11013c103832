"""The folder of flows: one YAML file each, saved as a set or not at all, bad files left where they lie.

A save is first written down whole (`.pending`), then done; whoever opens the folder next finishes what a crash left.
`.order` keeps the order of flows, `.installed` which default flows were ever put here, so that deleted ones stay away.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from gestalt_flow.documents import Refused, file_text, flow_of_yaml
from gestalt_flow.model import Flow
from gestalt_flow.slugs import SUFFIX, file_name, slug_of
from gestalt_flow.yaml_text import LARGEST

PENDING, ORDER, INSTALLED, LOCK = ".pending", ".order", ".installed", ".lock"
Signature = tuple[tuple[str, int, int, int], ...]


class Stale(Exception):
    """The configuration has changed since the revision that was named."""


class FolderFailed(Exception):
    """The file system refused; the message says what."""


class FileProblem(Struct, frozen=True):
    """A file that is set aside where it lies, and why."""

    path: str
    message: str


class Loaded(Struct, frozen=True):
    """What a folder holds. `files`: the name of each flow's file; `revision` changes with every change of a flow."""

    flows: tuple[Flow, ...] = ()
    problems: tuple[FileProblem, ...] = ()
    revision: str = ""
    files: dict[str, str] = {}
    bad: frozenset[str] = frozenset()


class Folder:
    """Blocking; call it in a thread. Several processes may use one folder: a lock file keeps them apart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parsed: dict[tuple[str, int, int, int], Flow | str] = {}

    def signature(self) -> Signature:
        """Changes when a file does. Raises FolderFailed."""
        try:
            names = [entry for entry in os.scandir(self.path) if entry.name.endswith(SUFFIX) or entry.name == ORDER]
            return tuple(sorted(_stamp(entry.path) for entry in names))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise FolderFailed(str(error)) from error

    def load(self) -> Loaded:
        """Everything in the folder; a missing one is empty. Raises FolderFailed."""
        try:
            if not self.path.exists():
                return _loaded([], [], [])
            with self._locked(fcntl.LOCK_SH):
                return self._read()
        except OSError as error:
            raise FolderFailed(str(error)) from error

    def save(self, flows: Sequence[Flow], revision: str | None = None) -> Loaded:
        """Replace all flows; files that cannot be read stay. Raises Stale, FolderFailed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._locked(fcntl.LOCK_EX):
                before = self._read()
                if revision is not None and revision != before.revision:
                    raise Stale
                self._replace(before, flows)
                return self._read()
        except OSError as error:
            raise FolderFailed(str(error)) from error

    def install(self, defaults: Sequence[Flow]) -> None:
        """Put default flows here that were never here before. Raises FolderFailed."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._locked(fcntl.LOCK_EX):
                before = self._read()
                known = set(_words(self.path / INSTALLED)) | {flow.id for flow in before.flows}
                fresh = [flow for flow in defaults if flow.id not in known]
                if fresh:
                    self._replace(before, [*before.flows, *fresh])
                    _write(self.path / INSTALLED, json.dumps(sorted(known | {flow.id for flow in fresh})))
        except OSError as error:
            raise FolderFailed(str(error)) from error

    def _replace(self, before: Loaded, flows: Sequence[Flow]) -> None:
        kept = {flow.id: flow for flow in before.flows}
        names = {flow.id: _free_name(file_name(slug_of(flow.id)), before.bad) for flow in flows}
        changed = [flow for flow in flows if kept.get(flow.id) != flow or before.files.get(flow.id) != names[flow.id]]
        plan = {
            "write": {names[flow.id]: file_text(flow) for flow in changed},
            "delete": sorted(set(before.files.values()) - set(names.values())),
            "order": [flow.id for flow in flows],
        }
        _write(self.path / PENDING, json.dumps(plan))
        self._finish(plan)

    def _finish(self, plan: Mapping[str, Any]) -> None:
        """Do what was written down; doing it twice changes nothing."""
        for name, text in plan["write"].items():
            _write(self.path / name, text)
        for name in plan["delete"]:
            (self.path / name).unlink(missing_ok=True)
        _write(self.path / ORDER, json.dumps(plan["order"]))
        (self.path / PENDING).unlink(missing_ok=True)
        _sync(self.path)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Hold the folder, and finish what somebody began. One that cannot be written is read without a lock."""
        if not os.access(self.path, os.W_OK):
            yield
            return
        descriptor = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, how)
            if (self.path / PENDING).exists():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                self._recover()
            yield
        finally:
            os.close(descriptor)

    def _recover(self) -> None:
        pending = self.path / PENDING
        try:
            plan = json.loads(pending.read_text("utf-8"))
        except FileNotFoundError:
            return  # somebody else was faster
        self._finish(plan)

    def _read(self) -> Loaded:
        good: list[tuple[str, Flow]] = []
        bad: list[FileProblem] = []
        stamps = sorted(_stamp(entry.path) for entry in os.scandir(self.path) if _is_managed(entry))
        parsed = {stamp: self._parsed.get(stamp) or _parse(self.path / stamp[0]) for stamp in stamps}
        self._parsed = parsed
        owners: dict[str, str] = {}
        for (name, *_), found in parsed.items():
            if isinstance(found, str):
                bad.append(FileProblem(name, found))
            elif found.id in owners:
                bad.append(FileProblem(name, f'trigger id "{found.id}" is also in {owners[found.id]}'))
            else:
                owners[found.id] = name
                good.append((name, found))
        return _loaded(good, bad, _words(self.path / ORDER))


def _loaded(good: list[tuple[str, Flow]], bad: list[FileProblem], order: list[str]) -> Loaded:
    places = {trigger_id: place for place, trigger_id in enumerate(order)}
    good.sort(key=lambda pair: (places.get(pair[1].id, len(places)), pair[0]))
    digest = hashlib.sha256()
    for _, flow in good:
        digest.update(file_text(flow).encode("utf-8", "surrogatepass") + b"\0")
    files = {flow.id: name for name, flow in good}
    names = frozenset(problem.path for problem in bad)
    return Loaded(tuple(flow for _, flow in good), tuple(bad), digest.hexdigest()[:16], files, names)


def _is_managed(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(SUFFIX) and not entry.is_dir()


def _stamp(path: str) -> tuple[str, int, int, int]:
    found = os.lstat(path) if not os.path.exists(path) else os.stat(path)  # noqa: PTH110, PTH116 - a thousand a second
    return (os.path.basename(path), found.st_mtime_ns, found.st_size, found.st_ino)  # noqa: PTH119 - likewise


def _parse(path: Path) -> Flow | str:
    """The flow of a file, or what is wrong with it."""
    try:
        if not path.is_file():
            return "this is no regular file"
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        return flow_of_yaml(raw)
    except Refused as refused:
        return "; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in refused.problems)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _free_name(name: str, taken: frozenset[str]) -> str:
    """A name that is no quarantined file's."""
    base, number = name.removesuffix(SUFFIX), 1
    while name in taken:
        number += 1
        name = f"{base}-{number}{SUFFIX}"
    return name


def _words(path: Path) -> list[str]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def _write(path: Path, text: str) -> None:
    """Replace a file by one that is on the disk, whole."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.replace(path)
    _sync(path.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
