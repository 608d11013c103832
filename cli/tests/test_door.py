from __future__ import annotations

import asyncio
import socket

import pytest

from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack import door


def soon(seconds: float = 0.1) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_port_that_somebody_has_is_refused_by_its_number() -> None:
    async with door.opened("127.0.0.1", 0, soon()) as first:
        port = first.getsockname()[1]
        with pytest.raises(CommandFailed, match=rf"port {port} of 127\.0\.0\.1 is already in use"):
            async with door.opened("127.0.0.1", port, soon()):
                pass


async def test_a_port_that_becomes_free_in_time_is_taken() -> None:
    with socket.socket() as earlier:
        earlier.bind(("127.0.0.1", 0))
        earlier.listen()
        port = earlier.getsockname()[1]
        asyncio.get_running_loop().call_later(0.1, earlier.close)
        async with door.opened("127.0.0.1", port, soon(5)) as listening:
            assert listening.getsockname()[1] == port


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no.such.host.invalid", "cannot listen on no.such.host.invalid"),
        ("192.0.2.1", "cannot listen on port 0 of 192.0.2.1: Cannot assign requested address"),
    ],
)
async def test_an_address_that_is_not_ours_is_refused_at_once(host: str, message: str) -> None:
    with pytest.raises(CommandFailed, match=message):
        async with door.opened(host, 0, soon(60)):
            pass


@pytest.mark.parametrize(
    ("host", "loopback", "url"),
    [
        ("127.0.0.1", True, "http://127.0.0.1:"),
        ("localhost", True, "http://"),
        ("0.0.0.0", False, "http://127.0.0.1:"),  # noqa: S104 - the case
    ],
)
async def test_a_door_knows_how_it_is_reached_and_by_whom(host: str, loopback: bool, url: str) -> None:  # noqa: FBT001
    async with door.opened(host, 0, soon()) as listening:
        assert door.is_loopback(listening) is loopback
        assert door.url(listening).startswith(url)


async def test_ipv6_is_written_in_brackets() -> None:
    async with door.opened("::1", 0, soon()) as listening:
        assert door.url(listening) == f"http://[::1]:{listening.getsockname()[1]}"
