"""Which tests run beside which, when pytest has two workers."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

WHOLE_SYSTEM = "tests/"


class OneSystemAtATime(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """The tests of the whole system one after another, for they measure time; beside them those of members, by file."""

    def _split_scope(self, nodeid: str) -> str:
        return WHOLE_SYSTEM if nodeid.startswith(WHOLE_SYSTEM) else nodeid.partition("::")[0]
