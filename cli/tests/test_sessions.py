from __future__ import annotations

import pytest

from gestalt_cli.api import Server
from gestalt_cli.attach.wire import CLOSED, NOT_FOUND, REFUSED, Place, address, ending, refusal
from gestalt_cli.errors import CommandFailed
from gestalt_cli.sessions import resolve

SESSIONS = [
    {"id": "coder", "uid": "u1"},
    {"id": "Coder 1", "uid": "u2"},
    {"id": "Coder 2", "uid": "u3"},
    {"id": "Bug Fixer 1", "uid": "u4", "agent_id": "fixer"},
]
SERVER = Server("https://g.example:8443", "secret")


@pytest.mark.parametrize(
    ("ref", "meant"),
    [
        ("Coder", "Coder 1"),
        ("coder", "coder"),
        ("Coder 2", "Coder 2"),
        ("Coder 9", "Coder 9"),
        ("My Agent", "My Agent 1"),
        ("u3", "u3"),
        ("7", "7 1"),
        ("fixer", "Bug Fixer 1"),
        ("nobody", "nobody 1"),
        (" Coder ", "Coder 1"),
        ("gpt 5.2", "gpt 5.2 1"),
    ],
)
def test_a_name_without_a_number_means_its_first(ref: str, meant: str) -> None:
    assert resolve(ref, SESSIONS) == meant


@pytest.mark.parametrize(("exited", "code"), [(0, 0), (7, 7), (-9, 137), (-15, 143)])
def test_the_exit_code_is_the_programs(exited: int, code: int) -> None:
    assert ending("x 1", CLOSED, "", exited) == code


@pytest.mark.parametrize(
    ("close_code", "exited", "exit_code", "said"),
    [
        (CLOSED, None, 255, "nobody knows how"),
        (NOT_FOUND, None, 1, "deleted"),
        (REFUSED, None, 1, "input limit exceeded"),
    ],
)
def test_other_endings_are_explained(close_code: int, exited: int | None, exit_code: int, said: str) -> None:
    with pytest.raises(CommandFailed, match=said) as failed:
        ending("x 1", close_code, "input limit exceeded", exited)
    assert failed.value.exit_code == exit_code


@pytest.mark.parametrize("status", [401, 403, 421])
def test_a_refused_handshake_is_the_end(status: int) -> None:
    assert "secret" not in str(refusal(SERVER, status))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_in_trouble_is_asked_again(status: int) -> None:
    assert refusal(SERVER, status) is None


def test_the_address_has_no_secret_and_one_beginning() -> None:
    assert address(SERVER, "a b/c", Place(cursor=0), readonly=True) == (
        "wss://g.example:8443/ws/session/a%20b%2Fc?cursor=0&control=1&readonly=1"
    )
    assert "snapshot=1&" in address(SERVER, "x", Place(snapshot=True), readonly=False)
    assert address(SERVER, "x", Place(), readonly=False).endswith("/x?control=1")
    assert "secret" not in repr(SERVER)
