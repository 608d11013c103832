"""One composition for all tests of the containers: building and starting it takes longer than they do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.client import Api
from tests.support.compose import Composition, missing_engine

WORKERS = 3
LOST_AFTER_SECONDS = 8


@pytest.fixture(scope="session")
def composition(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    """Redis, a gateway and three workers, whose sessions are lost after a few seconds."""
    if missing := missing_engine():
        pytest.exit(f"the containers are not tested, no Docker engine answers: {missing}", returncode=1)
    settings = {"GESTALT_LOST_AFTER": f"{LOST_AFTER_SECONDS}s"}
    with Composition(tmp_path_factory.mktemp("secrets"), workers=WORKERS, variables=settings) as running:
        yield running
    assert running.left() == {}


@pytest.fixture
async def api(composition: Composition) -> AsyncIterator[Api]:
    """The gateway's API, with the token; every session is deleted afterwards."""
    async with Api(composition.url, composition.token) as client:
        yield client
        for session in await client.get("/api/sessions"):
            await client.delete(session["uid"])
