"""`gestalt notify`: tell Gestalt what an agent is doing."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_cli.commands.where import Host, Port, Session, Token, server
from gestalt_cli.notices import deliver, notice, payload_of
from gestalt_cli.sessions import find, is_numbered, is_uid, no_session, uid_of


def notify(
    ref: Session,
    payload: Annotated[str, typer.Argument(metavar="JSON", help="An object with a type; - reads it from stdin.")],
    *,
    event_id: Annotated[str, typer.Option(help="Names this word: told again, it is taken once.")] = "",
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Deliver a hook's word about an agent's session: {"type": "agent-turn-complete", …}."""
    body = payload_of(payload)
    where = server(host, port, token)
    if deliver(where, notice(likeliest(ref), body, event_id)):
        return
    if not deliver(where, notice(uid_of(find(where, ref)), body, event_id)):
        raise no_session(where, ref)


def likeliest(ref: str) -> str:
    """What a reference means as a rule: a program in a session may not list what there is, nor try other sessions."""
    ref = ref.strip()
    return ref if is_numbered(ref) or is_uid(ref) else f"{ref} 1"
