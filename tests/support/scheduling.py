"""Which tests run beside which, when pytest has two workers."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

MEASURED = re.compile(r"tests/(resilience/|test_)")
"""They kill, flood and measure time."""


class OneMeasuredAtATime(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """What measures time runs one test after another; beside it everything else, file by file."""

    def _split_scope(self, nodeid: str) -> str:
        return "measured" if MEASURED.match(nodeid) else nodeid.partition("::")[0]
