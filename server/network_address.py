"""Whom failures are counted against, when all that is known is an address."""

from __future__ import annotations

import ipaddress

# Whoever has one IPv6 address has all of its network.
_IPV6_NETWORK_BITS = 64


def network_of(address: str | None) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64 network, else `unknown`."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if found.version == 4:
        return str(found)
    return str(ipaddress.ip_network((found, _IPV6_NETWORK_BITS), strict=False))
