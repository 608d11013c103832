"""A terminal whose new host does not take it is handed over until one does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from waiting import eventually

from gestalt_session.terminal import rescue
from gestalt_session.terminal.pty_host import CreateFailed
from gestalt_session.terminal.rescue import Rescue

pytestmark = pytest.mark.asyncio(loop_scope="module")

REFUSAL = CreateFailed("too many open files", 24)


class Host:
    """Notes what it is handed."""

    gone = False

    def __init__(self) -> None:
        self.handed: list[int] = []

    def adopt(self, number: int, *_: object) -> None:
        self.handed.append(number)


def session(*, live: bool = True) -> Any:
    journal = SimpleNamespace(end=10, rescan=lambda: None)
    return SimpleNamespace(
        id="Shell 1",
        uid="uid",
        live=live,
        journal=journal,
        file=SimpleNamespace(number=3),
        device=SimpleNamespace(pid=7, descriptors=[]),
        folder=SimpleNamespace(load_exit=lambda: None),
        pace_anew=lambda: None,
    )


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(rescue, "PAUSE", 0.01)
    return Host()


async def test_it_is_handed_over_again(host: Any) -> None:
    roster: Any = SimpleNamespace(order=lambda *_: {})
    care = Rescue(None, {"uid": host}, roster)  # type: ignore[arg-type]
    care.refused(host, session(), REFUSAL)
    await eventually(lambda: host.handed == [3])
    care.refused(host, session(), REFUSAL)
    await eventually(lambda: host.handed == [3, 3])


async def test_not_to_a_host_that_has_died_or_when_its_program_has_ended(host: Any) -> None:
    roster: Any = SimpleNamespace(order=lambda *_: {})
    dead: Any = Host()
    care = Rescue(None, {"uid": dead, "ended": host}, roster)  # type: ignore[arg-type]
    care.refused(host, session(), REFUSAL)  # it is held by another now
    care.refused(dead, session(live=False), REFUSAL)
    dead.gone = True
    care.refused(dead, session(), REFUSAL)
    Rescue(None, {"uid": host}, roster).refused(host, session(), REFUSAL)  # type: ignore[arg-type]
    await eventually(lambda: host.handed == [3])
    assert dead.handed == []
