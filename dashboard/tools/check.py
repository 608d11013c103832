"""`python dashboard/tools/check.py`: types of the API in step; types, lint and unit tests of the page.

By the Node that it is built with, so that no npm need be on the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys

import api
from build import HERE, the_node

CHECKS = (
    ("svelte-check/bin/svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings"),
    ("eslint/bin/eslint.js", "--max-warnings", "0", "src", "tests"),
    ("vitest/vitest.mjs", "run"),
)
SECONDS = 300.0


def main() -> int:
    """All of them, the first failure's exit code."""
    failed = api.main(["--check"])
    node = the_node()
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    for script, *flags in CHECKS:
        argv = [str(node), str(HERE / "node_modules" / script), *flags]
        failed = failed or subprocess.run(argv, cwd=HERE, env=environment, check=False, timeout=SECONDS).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
