"""`python dashboard/tools/api.py [--check]`: the types of the API, from the document that the gateway serves.

They are made by openapi-typescript into src/lib/api/schema.ts; `--check` fails when they are not what they would be.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from build import HERE, the_node

from gestalt_flow import app as flow
from gestalt_flow.routes import description as of_flow
from gestalt_gateway.openapi import merged
from gestalt_serving.description import DescribedApp
from gestalt_session import app as session
from gestalt_session.routes import description as of_session
from gestalt_telemetry import app as telemetry
from gestalt_telemetry.routes import description as of_telemetry

SCHEMA = HERE / "src" / "lib" / "api" / "schema.ts"
GENERATOR = HERE / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
OPTIONS = ("--empty-objects-unknown", "--default-non-nullable=false")
"""An object of anything has unknown values; what has a default may be left out."""

SERVICES = ((session, of_session), (flow, of_flow), (telemetry, of_telemetry))


def documents() -> Iterator[dict[str, Any]]:
    """What each service says of itself, without starting it."""
    for service, description in SERVICES:
        app = DescribedApp(description.TABLE)
        for module in service.ROUTERS:
            app.include_router(module.router)
        yield app.openapi()


def main(flags: list[str]) -> int:
    """Write the types, or compare them; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "openapi.json"
        document.write_text(json.dumps(merged(documents())), encoding="utf-8")
        argv = [str(the_node()), str(GENERATOR), str(document), "--output", str(SCHEMA), *OPTIONS, *flags]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        sys.stderr.write(f"{SCHEMA.name} is not what the API says: run `make api`\n" if flags else done.stderr)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
