"""The table: each figure beside its baseline, their ratio, the budget, and whether it holds.

The baseline is `rawtcp` where nothing else is said.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from benchmarks.budgets import Budget


@dataclass(frozen=True)
class Figure:
    """One line. `judged` is what the budget is held against: the ratio where there is a baseline, else the value."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    budget: Budget | None = None
    by_value: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours by the baseline."""
        return self.value / self.baseline if self.baseline else None

    @property
    def judged(self) -> float:
        """What the budget looks at."""
        return self.value if self.ratio is None or self.by_value else self.ratio

    @property
    def holds(self) -> bool:
        """Whether the budget is kept; a figure without one informs only."""
        return self.budget is None or self.budget.holds(self.judged)


def table(figures: list[Figure]) -> str:
    """All lines, aligned."""
    rows = [["what", "ours", "baseline", "ratio", "budget", ""], *map(_row, figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    missed = [f"MISSED {f.name}: {f.budget.shown()} {f.budget.reason}" for f in figures if f.budget and not f.holds]
    return "\n".join(lines + missed)


def _row(figure: Figure) -> list[str]:
    return [
        figure.name,
        f"{figure.value:.3g} {figure.unit}",
        "" if figure.baseline is None else f"{figure.baseline:.3g} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        "" if figure.budget is None else figure.budget.shown(),
        "" if figure.budget is None else ("ok" if figure.holds else "MISSED"),
    ]


def as_json(figures: list[Figure]) -> list[dict[str, object]]:
    """The same for machines."""
    return [asdict(figure) | {"ratio": figure.ratio, "holds": figure.holds} for figure in figures]
