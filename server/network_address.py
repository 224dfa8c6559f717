"""What can be said of whoever asks, when all that is known is an address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

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


@lru_cache(maxsize=8)
def networks_in(said: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Networks that are written with commas between. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(each.strip()) for each in said.split(",") if each.strip())


def is_within(address: str | None, networks: str) -> bool:
    """Whether an address is in one of the networks; one that cannot be read is in none."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks_in(networks))
