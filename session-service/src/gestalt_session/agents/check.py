"""`python -m gestalt_session.agents.check`: the configuration looked at without a service.

`--agents-dir DIR`: one line a profile, `Summary: N valid, M invalid`; `--skill PATH`: one skill. Exit code 1 when
anything is invalid or not there. Warnings go to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gestalt_session.agents import skill
from gestalt_session.agents.files import Unreadable, read_text
from gestalt_session.agents.folders import AgentEntry, AgentFolder
from gestalt_session.agents.problems import Problem
from gestalt_session.agents.skill import BadSkill

DEFAULT_FOLDER = Path(".gestalt", "config", "agents")


class Report(tuple[list[str], list[str], int]):
    """Lines for stdout, lines for stderr, exit code."""

    __slots__ = ()


def agents(folder: Path) -> Report:
    """Every profile of a folder."""
    if not folder.is_dir():
        return Report(([], [f"agents directory {folder} does not exist"], 1))
    reader = AgentFolder(folder)
    entries, strays = reader.entries(), reader.strays()
    lines = [_line(entry) for entry in entries] + [_error([stray]) for stray in strays]
    warnings = [f"WARNING {found.message}" for entry in entries for found in entry.warnings]
    invalid = len(strays) + sum(1 for entry in entries if entry.errors)
    summary = f"Summary: {len(lines) - invalid} valid, {invalid} invalid"
    return Report(([*lines, summary], warnings, 1 if invalid else 0))


def one_skill(path: Path) -> Report:
    """A skill by its folder or its SKILL.md."""
    file = path if path.is_file() else path / skill.FILE
    try:
        found = skill.parse(read_text(file), file.resolve().parent)
    except FileNotFoundError:
        return Report(([], [f"{file} does not exist"], 1))
    except (BadSkill, Unreadable) as error:
        return Report(([], [f"{file}: {error}"], 1))
    return Report(([f"skill ok: {found.name}"], [], 0))


def _line(entry: AgentEntry) -> str:
    return _error(entry.errors) if entry.errors else f"OK {entry.id} ({entry.profile.name})"


def _error(found: Sequence[Problem]) -> str:
    """All that is wrong with one file on one line, the file named once."""
    more = [problem.message.partition(": ")[2] for problem in found[1:]]
    return "; ".join([f"ERROR {found[0].message}", *more])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(
        prog="gestalt_session.agents.check", description="Check agent profiles or a skill."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--agents-dir", type=Path, default=DEFAULT_FOLDER)
    what.add_argument("--skill", type=Path)
    options = parser.parse_args(arguments)
    out, errors, code = one_skill(options.skill) if options.skill else agents(options.agents_dir)
    sys.stdout.writelines(f"{line}\n" for line in out)
    sys.stderr.writelines(f"{line}\n" for line in errors)
    return code


if __name__ == "__main__":
    sys.exit(main())
