"""Which addresses a flow may send to: what is checked is what is connected to, whatever a name says later."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

Address = IPv4Address | IPv6Address
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")


class Refused(OSError):
    """An address that nobody allowed."""


class AddressRules:
    """Every address that is globally routable, and what was allowed: names, addresses, CIDR blocks."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._blocks = []
        for word in allowed:
            try:
                self._blocks.append(ip_network(word.strip("[]"), strict=False))
            except ValueError:
                self._names.add(word.casefold().rstrip("."))

    def allows_name(self, host: str) -> bool:
        """Whether a name was allowed, wherever it leads."""
        return host.casefold().rstrip(".") in self._names

    def check(self, address: str) -> None:
        """Raises Refused."""
        found = ip_address(address.partition("%")[0])
        inner = embedded(found)
        if any(one.version == block.version and one in block for block in self._blocks for one in (found, inner)):
            return
        if not (is_public(found) and is_public(inner)):
            raise Refused(f"{address} is not an address that flows may send to (GESTALT_WEBHOOK_ALLOW)")


def is_public(address: Address) -> bool:
    """Whether an address is globally routable by itself."""
    return (address.is_global and not address.is_multicast and not address.is_reserved) or _is_nat64(address)


def _is_nat64(address: Address) -> bool:
    return isinstance(address, IPv6Address) and any(address in block for block in _NAT64)


def embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for; itself when it stands for none."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if _is_nat64(address) or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


class CheckedResolver(AbstractResolver):
    """Looks names up and gives only addresses that are allowed; all must be, or the name is refused."""

    def __init__(self, rules: AddressRules, real: AbstractResolver) -> None:
        self._rules = rules
        self._real = real

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises Refused, and OSError when there are none."""
        found = await self._real.resolve(host, port, family)
        if not self._rules.allows_name(host):
            for one in found:
                self._rules.check(one["host"])
        return found

    async def close(self) -> None:
        """Let go of what looks names up."""
        await self._real.close()


def check_literal(rules: AddressRules, host: str | None) -> None:
    """A host that is an address is never looked up: check it before. Raises Refused."""
    if host is None:
        raise Refused("the URL names no host")
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return
    rules.check(host)
