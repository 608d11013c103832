"""Waiting for quiet: what nobody was there to be told is not taken for done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from websockets.sync.server import ServerConnection, serve

from gestalt_cli.api import Server
from gestalt_cli.errors import CommandFailed
from gestalt_cli.turns import wait_for_quiet

SESSION = {"id": "x 1", "uid": "u1"}
READY = '{"type":"ready","cursor":0}'
TYPED = threading.Event()


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server whose every viewer is dealt with by the test's parameter."""
    TYPED.clear()
    with serve(request.param, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Server(f"http://127.0.0.1:{server.socket.getsockname()[1]}")
        server.shutdown()
        thread.join()


def closes(*, code: int, ready: bool) -> Callable[[ServerConnection], None]:
    """A session that ends so; with `ready` once something was typed."""

    def viewer(connection: ServerConnection) -> None:
        if ready:
            connection.send(READY)
            TYPED.wait(5)
        connection.close(code)

    return viewer


@pytest.mark.parametrize("served", [closes(code=code, ready=False) for code in (4404, 1008, 1013)], indirect=True)
def test_a_session_that_is_gone_before_anything_was_typed_is_not_done(served: Server) -> None:
    typed: list[bool] = []
    with pytest.raises(CommandFailed, match="nothing was typed"):
        wait_for_quiet(served, SESSION, lambda: typed.append(True), 5)
    assert typed == []


@pytest.mark.parametrize("served", [closes(code=1013, ready=True)], indirect=True)
def test_a_worker_that_is_lost_meanwhile_is_no_end(served: Server) -> None:
    with pytest.raises(CommandFailed, match="may or may not have been typed"):
        wait_for_quiet(served, SESSION, TYPED.set, 5)


@pytest.mark.parametrize("served", [closes(code=code, ready=True) for code in (1000, 4404)], indirect=True)
def test_a_session_that_ends_meanwhile_is_done(served: Server) -> None:
    wait_for_quiet(served, SESSION, TYPED.set, 5)
