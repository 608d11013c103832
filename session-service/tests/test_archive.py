"""What clients call a session is a name, never a pattern."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from gestalt_session.archive import glob_escape

NAMES = st.text(st.sampled_from("ab*?[]!-. {}\\~$"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)


@given(NAMES, NAMES)
@example("**", "a")
@example("[ab]", "a")
@example("a?", "ab")
def test_a_name_finds_itself_and_nothing_else(name: str, other: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for each in {name, other}:
            (Path(folder) / "0" / each).mkdir(parents=True)
        assert [path.name for path in Path(folder).glob(f"*/{glob_escape(name)}")] == [name]
