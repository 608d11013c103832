"""Tokens of sessions."""

from __future__ import annotations

import pytest

from gestalt_contracts.session_tokens import hash_of, new_token, uid_in
from gestalt_contracts.uids import new_uid

UID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize("token", ["", ".", "token", "uid-1.random", UID, f"{UID}.", f"{UID}.short"])
def test_what_is_no_sessions_token_names_nobody(token: str) -> None:
    assert uid_in(token) is None


def test_a_token_names_its_session_and_is_never_given_twice() -> None:
    uid = new_uid()
    one, two = new_token(uid), new_token(uid)
    assert uid_in(one) == uid_in(two) == uid
    assert one != two
    assert hash_of(one) != hash_of(two)
    assert one.partition(".")[2] not in hash_of(one)
