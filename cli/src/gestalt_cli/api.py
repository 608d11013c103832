"""The public API as the commands use it: where the server is, one request, and errors in one line."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

import httpx
from msgspec import Struct

from gestalt_cli.errors import CommandFailed

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 57417
ANSWER_SECONDS = 30.0
"""Longest wait for an answer; nothing that the commands ask for takes as long."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - named here to be told apart, not to be bound


class Server(Struct, frozen=True):
    """A gateway, and the token it wants; empty: none."""

    url: str
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """The credential, if there is one."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def locate(host: str | None, port: int | None, environment: dict[str, str]) -> str:
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
    host = WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
    """One request with a JSON answer. Raises CommandFailed with the server's own words, or why there are none."""
    try:
        with httpx.Client(headers=server.headers, timeout=ANSWER_SECONDS, trust_env=not is_here(server.url)) as client:
            answer = client.request(method, f"{server.url}{path}", json=body)
    except httpx.HTTPError as error:
        raise CommandFailed(f"cannot reach Gestalt at {server.url}: {reason(error)}") from error
    if answer.is_error:
        raise CommandFailed(refusal(answer))
    return answer.json()


def is_here(url: str) -> bool:
    """Whether it is this machine's own: then no proxy of the environment stands between."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason(error: Exception) -> str:
    """What an exception says, or what it is when it says nothing."""
    return str(error) or type(error).__name__


def refusal(answer: httpx.Response) -> str:
    """What an error answer says, on one line."""
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = answer.text.strip()
    return str(said) or f"{answer.status_code} {answer.reason_phrase}"
