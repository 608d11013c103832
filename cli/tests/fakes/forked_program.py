"""What tests have forked: it does what its environment says."""

from __future__ import annotations

import os


def main() -> None:
    exec(os.environ["PROGRAM"], {})  # noqa: S102 - the test's own words
