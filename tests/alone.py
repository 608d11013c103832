"""`python tests/alone.py MEMBER…`: each member installed and tested by itself, in an environment of its own.

What a member needs and does not say is found here: the environment holds the member, the members it names, and its
`test` dependency group, at the locked versions, and nothing else. One line per member; exit code 1 if any fails.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.lock"
UV = Path(sys.executable).with_name("uv")
LINES_OF_A_FAILURE = 40


class Failed(Exception):
    """A step did not succeed; what it printed."""


def main(members: list[str]) -> int:
    """Test each member; the exit code."""
    failed = [member for member in members if not passes(member)]
    return 1 if failed else 0


def passes(member: str) -> bool:
    """Install and test one member, and print how it went."""
    begun = time.monotonic()
    try:
        summary = tested(member)
    except Failed as failure:
        report(f"{member:16} FAILED\n{failure}")
        return False
    report(f"{member:16} {summary} ({time.monotonic() - begun:.0f} s in all)")
    return True


def tested(member: str) -> str:
    """pytest's closing line for a member in a fresh environment. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix=f"gestalt-{member}-") as folder:
        python = Path(folder, "venv", "bin", "python")
        run(str(UV), "venv", "--quiet", "--python", sys.executable, str(python.parent.parent))
        constraints = Path(folder, "constraints.txt")
        constraints.write_text("\n".join(pins(LOCK.read_text(encoding="utf-8"))), encoding="utf-8")
        install = [str(UV), "pip", "install", "--quiet", "--python", str(python), "--constraints", str(constraints)]
        run(*install, *needed(member), "--group", f"{ROOT / member / 'pyproject.toml'}:test")
        said = run(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ROOT / member / "tests"))
    return said.strip().splitlines()[-1].strip("= ")


def needed(member: str) -> list[str]:
    """The folders to install: the member's own, and those of the members that it or they depend on."""
    names = {project(folder)["name"]: folder for folder in workspace()}
    found: dict[str, None] = {}
    waiting = [project(member)["name"]]
    while waiting:
        name = waiting.pop()
        if name in names and name not in found:
            found[name] = None
            waiting += [re.split(r"[\[<>=~! ;]", needs)[0] for needs in project(names[name])["dependencies"]]
    return [str(ROOT / names[name]) for name in found]


def workspace() -> list[str]:
    """The members' folders."""
    members: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    return members


def project(folder: str) -> dict[str, Any]:
    """The [project] table of a member."""
    table: dict[str, Any] = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    return table


def pins(lock: str) -> Iterator[str]:
    """`name==version ; marker` of each locked distribution: constraints carry no hashes."""
    for line in lock.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            yield line.removesuffix("\\").strip()


def run(*argv: str) -> str:
    """Run a command at the root; its stdout. Raises Failed with the end of what it printed."""
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise Failed("\n".join(f"    {line}" for line in lines[-LINES_OF_A_FAILURE:]))
    return done.stdout


def report(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
