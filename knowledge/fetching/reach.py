"""Which hosts may be asked, when it is a user who names them.

A name is resolved once, here, and whoever asks connects to exactly the addresses that come back; a name that points to
something else a moment later gains nothing. Only public addresses are reached, at the usual ports of the web, unless
the operator lets more in with SOURCE_HOSTS: a list of host names (``wiki.example.org``, ``*.example.org``), of hosts
with a port (``10.0.0.5:9000``), and of networks (``10.1.0.0/16``). Link-local addresses and those where clouds hand out
the credentials of a machine stay closed whatever the list says.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings

from app.errors import BadInputError
from knowledge.fetching.errors import RefusedError, UnansweredError

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

PORTS = frozenset({80, 443, 8080, 8443})
Network = IPv4Network | IPv6Network
_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; 169.254.169.254 hands out a cloud machine's credentials
        "168.63.129.16/32",  # the same in Azure, at a public address
        "100.100.100.200/32",  # the same at Alibaba
        "192.0.0.192/32",  # the same at Oracle
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "fd00:ec2::/32",  # Amazon's, over IPv6
        "fe80::/10",
        "ff00::/8",
    )
)
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "192.88.99.0/24",
        "2001::/23",  # Teredo and other ways to wrap an IPv4 address
        "2002::/16",  # 6to4, another
        "3fff::/20",
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Word:
    """One entry of SOURCE_HOSTS: a host (or ``*.`` and what it ends in), or a network; with its port, or None."""

    host: str = ""
    network: str = ""
    port: int | None = None

    def names(self, host: str) -> bool:
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return bool(self.host) and _plain(self.host) == host

    def contains(self, address: Address) -> bool:
        if not self.network:
            return False
        network = ip_network(self.network)
        return network.version == address.version and address in network


def word(text: str) -> Word:
    """Read one entry of SOURCE_HOSTS. Raises BadInputError naming it."""
    try:
        if "/" in text:
            return Word(network=str(ip_network(text, strict=False)))
        if text.count(":") > 1 and not text.startswith("["):
            return Word(host=str(ip_address(text)))
        host, _, port = text.rpartition(":") if ":" in text.rpartition("]")[2] else (text, "", "")
        if not host.strip("[].*"):
            raise ValueError("no host")
        return Word(host=host.strip("[]").lower(), port=int(port) if port else None)
    except ValueError as error:
        raise BadInputError(
            f"SOURCE_HOSTS has {text!r}; it may hold host names, hosts with a port, and networks such as 10.1.0.0/16."
        ) from error


def ask_the_system(host: str, port: int) -> list[str]:
    """The addresses of a name as this machine resolves it. Raises UnansweredError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnansweredError(f"There is no host called {host}.") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Reach:
    """The rule of who may be asked, with what the operator lets in besides."""

    def __init__(self, words: Sequence[str] = (), resolve: Resolve = ask_the_system) -> None:
        self._words = [word(text) for text in words]
        self._resolve = resolve

    @classmethod
    def from_settings(cls) -> Reach:
        return cls(settings.SOURCE_HOSTS)

    def addresses(self, host: str, port: int, usual: frozenset[int] = PORTS) -> list[str]:
        """Where to connect to for a host: one resolution, of which every address was found good.

        ``usual`` are the ports that need nobody's leave. Raises RefusedError when the port or an address is not good,
        UnansweredError when there is none.
        """
        host = _plain(host)
        self.check_port(host, port, usual)
        found = self._resolve(host, port)
        if not found:
            raise UnansweredError(f"There is no host called {host}.")
        for address in found:
            self.check_address(address, host, port)
        return found

    def check_port(self, host: str, port: int, usual: frozenset[int] = PORTS) -> None:
        if port not in usual and not any(entry.port == port and entry.names(_plain(host)) for entry in self._words):
            raise RefusedError(
                f"Parley does not ask port {port} of {host}. An operator can let it in with SOURCE_HOSTS={host}:{port}."
            )

    def check_written(self, host: str, port: int, usual: frozenset[int] = PORTS) -> None:
        """Refuse what can be refused before anything is resolved: the port, and an address in place of a name."""
        self.check_port(host, port, usual)
        with contextlib.suppress(ValueError):
            self.check_address(str(ip_address(_plain(host))), host, port)

    def check_address(self, text: str, host: str, port: int) -> None:
        """Raise RefusedError unless this address, which ``host`` resolved to, may be connected to."""
        host = _plain(host)
        try:
            address = _unwrapped(ip_address(text.partition("%")[0]))
        except ValueError as error:
            raise RefusedError(f"{host} has no address that Parley understands.") from error
        if _is_within(address, _NEVER):
            raise RefusedError(f"{host} is an address that Parley never asks.")
        if is_public(address) or self._is_let_in(address, host, port):
            return
        raise RefusedError(
            f"{host} is not a public address. An operator can let it in with SOURCE_HOSTS={host}"
            + (f":{port}." if port not in PORTS else ".")
        )

    def is_named(self, host: str, port: int) -> bool:
        """Whether the operator vouches for this very host."""
        return any(entry.names(_plain(host)) and entry.port in (None, port) for entry in self._words)

    def _is_let_in(self, address: Address, host: str, port: int) -> bool:
        return self.is_named(host, port) or any(entry.contains(address) for entry in self._words)


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could reach it too."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and not _is_within(address, _NOT_PUBLIC)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside one of IPv6 that a system sends on to it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _is_within(address: Address, networks: Sequence[Network]) -> bool:
    return any(network.version == address.version and address in network for network in networks)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
