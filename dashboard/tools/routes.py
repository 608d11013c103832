"""`python tools/routes.py`: the gateway's paths as a type, in src/lib/api/routes.ts. A test keeps them in step."""

from __future__ import annotations

import sys
from pathlib import Path

from gestalt_gateway.routing import ROUTES

HEAD = "/** Every path of the gateway's route table; made by `make routes`, kept in step by a test. */\n"


def text() -> str:
    """The module."""
    paths = dict.fromkeys(route.template for route in ROUTES)
    return HEAD + "export type Path =\n" + "\n".join(f"  | '{path}'" for path in paths) + "\n"


if __name__ == "__main__":
    Path(__file__).parents[1].joinpath("src", "lib", "api", "routes.ts").write_text(text(), encoding="utf-8")
    sys.exit(0)
