"""What is watched: the workspace but for what git ignores and what Gestalt itself keeps there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from pathspec import GitIgnoreSpec

GITIGNORE = ".gitignore"
GIT = ".git"
OWN = ".gestalt"
PLANS, CONFIG, FLOWS = "plans", "config", "flows"
TEMPORARY = ".tmp-"
MOST_BYTES = 256 * 1024
"""Longest .gitignore that is read."""
MOST_RULES = 100_000
"""Directories whose rules are kept at hand."""

Rules = tuple[tuple[str, GitIgnoreSpec], ...]


class Scope:
    """Answers for paths below the roots. Blocking: it reads .gitignore files.

    `workspace` is absolute and without links; `hidden` are directories that are never watched; `outer` is how far up
    from a root .gitignore files hold (the top of its repository).
    """

    def __init__(self, workspace: str, roots: Iterable[str], hidden: Iterable[str], outer: str | None) -> None:
        self.own = os.path.join(workspace, OWN)
        self._flows = os.path.join(self.own, CONFIG, FLOWS)
        self._shown = tuple(os.path.join(self.own, name) for name in (PLANS, CONFIG))
        named = tuple(dict.fromkeys(roots))
        self.roots = named if workspace in named else (*named, self.own)
        self._hidden = frozenset(hidden) - {self.own}
        self._outer = outer
        self._rules: dict[str, Rules] = {}
        self._unbound: frozenset[str] = frozenset()
        self._unbound = frozenset(root for root in self.roots if self._is_ignored_root(root))

    def is_own(self, path: str) -> bool:
        """Whether it is a plan or a file of the configuration, or a directory of them."""
        return any(path == shown or path.startswith(shown + "/") for shown in self._shown)

    def is_config(self, path: str) -> bool:
        """Whether it is a file of the configuration."""
        return path.startswith(f"{self.own}/{CONFIG}/")

    def includes(self, directory: str, name: str, *, folder: bool) -> bool:
        """Whether an entry of a watched directory is watched."""
        path = f"{directory}/{name}"
        if name == GIT or path in self._hidden:
            return False
        if directory == self._flows and _is_bookkeeping(name):
            return False
        if directory == self.own:
            return folder and name in {PLANS, CONFIG}
        if path == self.own:
            return folder
        return self.is_own(path) or not self._is_ignored(directory, path, folder=folder)

    def reload(self) -> None:
        """Forget what the .gitignore files said."""
        self._rules.clear()

    def _is_ignored(self, directory: str, path: str, *, folder: bool) -> bool:
        for base, spec in self._rules_of(directory):
            verdict = spec.check_file(path[len(base) + 1 :] + ("/" if folder else "")).include
            if verdict is not None:
                return verdict
        return False

    def _is_ignored_root(self, root: str) -> bool:
        """Who names a directory that is ignored means it: only the rules inside it hold then."""
        above = os.path.dirname(root)
        while self._outer is not None and len(above) >= len(self._outer):
            if self._is_ignored(above, root, folder=True):
                return True
            root, above = above, os.path.dirname(above)
        return False

    def _rules_of(self, directory: str) -> Rules:
        """The rules that hold in a directory, nearest first."""
        found = self._rules.get(directory)
        if found is None:
            spec = self._spec(directory)
            mine = ((directory, spec),) if spec else ()
            found = mine if self._ends_at(directory) else mine + self._rules_of(os.path.dirname(directory))
            if len(self._rules) >= MOST_RULES:
                self.reload()  # directories that are long gone
            self._rules[directory] = found
        return found

    def _ends_at(self, directory: str) -> bool:
        if directory in self._unbound or directory == "/":
            return True
        if self._outer is not None and (directory + "/").startswith(self._outer + "/"):
            return directory == self._outer
        return directory in self.roots

    def _spec(self, directory: str) -> GitIgnoreSpec | None:
        try:
            with open(os.path.join(directory, GITIGNORE), "rb") as file:
                lines = file.read(MOST_BYTES).decode("utf-8", "surrogateescape").split("\n")
        except OSError:
            return None
        return _compiled(lines)


def _is_bookkeeping(name: str) -> bool:
    """Whether it is one of the files that a save of flows needs beside theirs."""
    return name.startswith(".") or TEMPORARY in name


def _compiled(lines: Sequence[str]) -> GitIgnoreSpec:
    """As git does, a line that is no pattern is passed over."""
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:
        return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True
