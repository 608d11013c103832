"""The public API as the commands use it: where the server is, one request, and errors in one line.

Requests go through the standard library: a command is over in the time that a larger client takes to import.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from gestalt_cli.errors import CommandFailed

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 57417
ANSWER_SECONDS = 30.0
"""Longest wait for an answer; nothing that the commands ask for takes as long."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - named here to be told apart, not to be bound
UNAUTHORIZED, NOT_FOUND, NO_CONTENT = 401, 404, 204


class Server(Struct, frozen=True):
    """A gateway, and the token it wants; empty: none."""

    url: str
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The credential, if there is one."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def __repr__(self) -> str:
        """Without the token: this ends up in messages."""
        return f"Server({self.url!r})"


class Unreachable(CommandFailed):
    """No answer at all: no server there, or it went away."""


class Refused(CommandFailed):
    """The server answered with an error. `status` is HTTP's; `said` its JSON body, empty if it had none."""

    def __init__(self, message: str, status: int, said: dict[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.said = said


def locate(host: str | None, port: int | None, environment: Mapping[str, str]) -> str:
    """The server's URL: by flags, else GESTALT_URL, else GESTALT_HOST and GESTALT_PORT, else this machine's 57417.

    Raises CommandFailed for a variable that makes no sense.
    """
    url = environment.get("GESTALT_URL")
    if host is None and port is None and url:
        return well_formed(url)
    return url_of(
        host or environment.get("GESTALT_HOST") or DEFAULT_HOST, port or port_of(environment.get("GESTALT_PORT"))
    )


def url_of(host: str, port: int) -> str:
    """The URL of a host and a port; a host that listens on every address is asked on this machine's own."""
    scheme, _, host = host.rpartition("://")
    host = WILDCARDS.get(host.strip("/"), host.strip("/"))
    return f"{scheme or 'http'}://[{host}]:{port}" if host.count(":") > 1 else f"{scheme or 'http'}://{host}:{port}"


def port_of(text: str | None) -> int:
    """GESTALT_PORT, or the default where it is not set."""
    if not text:
        return DEFAULT_PORT
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - the ports there are
        raise CommandFailed(f"GESTALT_PORT is a port from 1 to 65535, not {text!r}")
    return int(text)


def well_formed(url: str) -> str:
    """The URL without its final slash."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise CommandFailed(f"GESTALT_URL begins with http:// or https://, {url!r} does not")
    return url.rstrip("/")


def call(server: Server, method: str, path: str, body: Any = None) -> Any:
    """One request with a JSON answer; None for an empty one. Raises Unreachable, or Refused in the server's words."""
    data = None if body is None else json.dumps(body).encode()
    answer = send(server, method, path, data, {"Content-Type": "application/json"})
    try:
        return json.loads(answer) if answer else None
    except ValueError as error:
        raise CommandFailed(f"{server.url} does not answer as Gestalt does: is it another program?") from error


def send(
    server: Server,
    method: str,
    path: str,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = ANSWER_SECONDS,
) -> bytes:
    """One request; the body of its answer. `timeout`: seconds. Raises Unreachable or Refused."""
    with opened(server, method, path, data, headers, timeout) as answer:
        try:
            whole: bytes = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise unreachable(server, error) from error
        return whole


def opened(
    server: Server,
    method: str,
    path: str,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = ANSWER_SECONDS,
) -> Any:
    """An answer whose body is still to be read; `timeout` holds for each read too. Raises Unreachable or Refused."""
    request = urllib.request.Request(  # noqa: S310 - http or https: `locate` saw to it
        f"{server.url}{path}", data, {**(headers or {}), **server.headers}, method=method
    )
    proxies = urllib.request.ProxyHandler({} if is_here(server.url) else None)
    try:
        return urllib.request.build_opener(proxies).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        raise refused(server, error) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise unreachable(server, error) from error


def segment(ref: str) -> str:
    """A session's id or uid as one segment of a path."""
    return quote(ref, safe="")


def is_here(url: str) -> bool:
    """Whether it is this machine's own: then no proxy of the environment stands between."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def unreachable(server: Server, error: Exception) -> Unreachable:
    """Why there is no answer, and what to try."""
    cause = getattr(error, "reason", None) or error
    said = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return Unreachable(f"cannot reach Gestalt at {server.url}: {said} (start it with: gestalt up)")


def reason(error: Exception) -> str:
    """What an exception says, or what it is when it says nothing."""
    return str(error) or type(error).__name__


def refused(server: Server, error: urllib.error.HTTPError) -> Refused:
    """What an error answer says, on one line."""
    with error:
        text = error.read().decode(errors="replace").strip()
    said = object_of(text)
    if error.code == UNAUTHORIZED:
        return Refused(wants_token(server), error.code, said)
    return Refused(str(said.get("error") or text or f"{error.code} {error.reason}"), error.code, said)


def wants_token(server: Server) -> str:
    """What to do about a 401."""
    if server.token:
        return f"{server.url} does not accept this token: compare --token or GESTALT_TOKEN with the server's"
    return f"{server.url} wants a token: pass --token or set GESTALT_TOKEN"


def object_of(text: str) -> dict[str, Any]:
    """The JSON object in a text; empty for anything else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
