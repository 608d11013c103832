"""The watched directories and the files in them, as they were when they were last looked at. Blocking."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gestalt_session.workspace.watching.bursts import Bursts
from gestalt_session.workspace.watching.inotify import IGNORED, MOVED_FROM, Inotify
from gestalt_session.workspace.watching.scope import GITIGNORE, Scope
from gestalt_session.workspace.watching.stamps import Change, Files, Stamp, operation, stamp_of

MOST_FILES = 200_000
MOST_DIRECTORIES = 50_000
"""So many are watched; 60 MB of one worker at the most."""
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ESTALE})


class Stopped(Exception):
    """A look round was given up because the watcher stops."""


class Listing(NamedTuple):
    """What lies in a directory: watched files, watched directories, and the names of what is not watched."""

    files: Files
    folders: list[str]
    left_out: set[str]


class Tree:
    """Keeps up with the disk. What differs from the last look is put into `bursts`, and told by `settle`.

    `directories` may come from an earlier watcher: the first look round finds what has changed since. `without` is
    called with the reason when some directory cannot be watched, so that only looking round again finds its changes.
    """

    def __init__(
        self,
        scope: Scope,
        inotify: Inotify | None,
        bursts: Bursts,
        *,
        without: Callable[[str], None],
        directories: dict[str, Files] | None = None,
    ) -> None:
        self.directories: dict[str, Files] = directories or {}
        self.stopped = False
        self.live: set[str] = set()
        self._uncounted = 0
        self._scope = scope
        self._inotify = inotify
        self._bursts = bursts
        self._without = without
        self._watches: dict[str, int] = {}
        self._of_watch: dict[int, str] = {}
        self._files = sum(map(len, self.directories.values()))

    def directory_of(self, watch: int) -> str | None:
        """The directory that a watch is on."""
        return self._of_watch.get(watch)

    # -- looking

    def look_round(self, now: float, *, quiet: bool) -> None:
        """Compare everything with the disk. `quiet`: what is new is learnt and not told."""
        seen: set[str] = set()
        for root in self._scope.roots:
            seen.update(self.look(root, now, quiet=quiet))
        for directory in [known for known in self.directories if known not in seen]:
            self._forget(directory, now, quiet=os.path.isdir(directory))

    def look(self, top: str, now: float, *, quiet: bool, anew: bool = False) -> list[str]:
        """Compare a directory and all below it; those that are there. `anew`: other rules hold than at the last look.

        Raises Stopped.
        """
        waiting, seen = [top], []
        while waiting:
            if self.stopped:
                raise Stopped
            directory = waiting.pop()
            listing = self._list(directory, anew=anew) if self._join(directory) else None
            if listing is not None:
                seen.append(directory)
                self._compare(directory, listing, now, quiet=quiet)
                waiting += [f"{directory}/{name}" for name in listing.folders]
        return seen

    def _join(self, directory: str) -> bool:
        """Watch a directory before it is listed: what comes after the list is heard. False: it is not there."""
        if directory not in self.live and len(self.live) >= MOST_DIRECTORIES:
            self._without(f"more than {MOST_DIRECTORIES} directories: those beyond are not watched")
            return False
        try:
            self._watch(directory)
        except OSError as error:
            if error.errno in GONE:
                return False
            self._without(f"{error.strerror}: directories beyond the {len(self._watches)}th are looked at in turns")
        return True

    def _watch(self, directory: str) -> None:
        if self._inotify is None or directory in self._watches:
            return
        watch = self._inotify.watch(directory)
        former = self._of_watch.get(watch)
        if former is not None:
            self._watches.pop(former, None)  # it has moved here and is still watched from there
        self._watches[directory], self._of_watch[watch] = watch, directory

    def _list(self, directory: str, *, anew: bool) -> Listing | None:
        known = {} if anew else self.directories.get(directory, {})
        listing = Listing({}, [], set())
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    self._sort(entry, directory, known, listing)
        except OSError:
            return None
        return listing

    def _sort(self, entry: os.DirEntry[str], directory: str, known: Files, listing: Listing) -> None:
        folder = entry.is_dir(follow_symlinks=False)
        if not (entry.name in known or self._scope.includes(directory, entry.name, folder=folder)):
            listing.left_out.add(entry.name)
        elif folder:
            listing.folders.append(entry.name)
        else:
            stamp = _stamp(entry.path)
            if stamp is not None:
                listing.files[entry.name] = stamp

    def _compare(self, directory: str, listing: Listing, now: float, *, quiet: bool) -> None:
        self.live.add(directory)
        known = self.directories.setdefault(directory, {})
        for name, stamp in listing.files.items():
            before = known.get(name)
            if before is None and quiet and f"{directory}/{name}" not in self._bursts:
                self._learn(known, name, stamp)
            elif before != stamp:
                self.touch(directory, name, 0, now)
        for name in [name for name in known if name not in listing.files]:
            if name in listing.left_out:
                self._learn(known, name, None)
            else:
                self.touch(directory, name, 0, now)
        for name in listing.left_out:
            if f"{directory}/{name}" in self.live:
                self.forget(f"{directory}/{name}", now, quiet=True)

    # -- what was heard

    def touch(self, directory: str, name: str, mask: int, now: float) -> None:
        """Something happened to a file: it is looked at when it has been still for a moment."""
        path = f"{directory}/{name}"
        known = self.directories.get(directory, {})
        if name not in known and path not in self._bursts and not self._scope.includes(directory, name, folder=False):
            return
        if not self._bursts.touch(path, mask, now):
            self._learn(self.directories.setdefault(directory, {}), name, _stamp(path))
            self._uncounted += 1

    def forget(self, top: str, now: float, *, quiet: bool, moved: bool = False) -> None:
        """A directory and all below it are gone, or (`quiet`) no longer watched."""
        below = top + "/"
        for directory in [known for known in self.directories if known == top or known.startswith(below)]:
            self._forget(directory, now, quiet=quiet, heard=MOVED_FROM if moved else 0)

    def removed(self, directory: str, now: float) -> None:
        """An empty directory is gone; what was below it is so already."""
        if directory in self.directories:
            self._forget(directory, now, quiet=False)

    def _forget(self, directory: str, now: float, *, quiet: bool, heard: int = 0) -> None:
        """That directory alone: looking for what is below each of thousands would take minutes."""
        self._leave(directory)
        for name in list(self.directories[directory]):
            if quiet:
                self._learn(self.directories[directory], name, None)
            else:
                self.touch(directory, name, heard, now)
        self._tidy(directory)

    def unwatched(self, watch: int, mask: int) -> None:
        """The kernel has dropped a watch."""
        if mask & IGNORED:
            directory = self._of_watch.pop(watch, "")
            if self._watches.get(directory) == watch:
                del self._watches[directory]

    def _leave(self, directory: str) -> None:
        self.live.discard(directory)
        watch = self._watches.pop(directory, None)
        if watch is not None and self._inotify is not None:
            self._of_watch.pop(watch, None)
            self._inotify.unwatch(watch)

    def _tidy(self, directory: str) -> None:
        if directory not in self.live and not self.directories.get(directory, {"": None}):
            del self.directories[directory]

    # -- telling

    def settle(self, now: float) -> Iterator[Change]:
        """What has become of the files that have been still for a moment; what git is to ignore comes last."""
        for path, heard in sorted(self._bursts.due(now), key=_is_rule):
            directory, _, name = path.rpartition("/")
            after = _stamp(path)
            known = self.directories.setdefault(directory, {})
            if name not in known and self._is_no_file(directory, name, after):
                continue
            op = operation(known.get(name), after, heard)
            self._learn(known, name, after)
            self._tidy(directory)
            if op is not None:
                yield Change(path, op, after.changed / 1e9 if after is not None else None)

    def _is_no_file(self, directory: str, name: str, stamp: Stamp | None) -> bool:
        """Whether it is no file, or is ignored since it changed."""
        if not self._scope.includes(directory, name, folder=False):
            return True
        return stamp is None and os.path.lexists(f"{directory}/{name}")

    def take_uncounted(self) -> int:
        """How many changes found no room to wait, since this was last asked."""
        count, self._uncounted = self._uncounted, 0
        return count

    def _learn(self, known: Files, name: str, stamp: Stamp | None) -> None:
        if stamp is None:
            self._files -= known.pop(name, None) is not None
        elif name in known or self._files < MOST_FILES:
            self._files += name not in known
            known[name] = stamp
        else:
            self._without(f"more than {MOST_FILES} files: those beyond are not watched")


def _is_rule(due: tuple[str, int]) -> bool:
    return due[0].endswith(f"/{GITIGNORE}")


def _stamp(path: str) -> Stamp | None:
    try:
        return stamp_of(os.lstat(path))
    except OSError:
        return None
