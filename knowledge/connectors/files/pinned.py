"""Host checks for libraries that speak through aiohttp: it connects only where ``Reach`` lets it.

The resolver gives out only addresses that were checked, and the socket is made only for those; the second look is
needed because aiohttp does not ask a resolver about an address that is written as numbers.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from knowledge.fetching.errors import FetchError
from knowledge.fetching.reach import Reach


class CheckedResolver(AbstractResolver):
    """Resolves once, and remembers what it let through."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._checked: set[tuple[str, int]] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        try:
            addresses = await loop.run_in_executor(None, self._reach.addresses, host, port)
        except FetchError as error:
            raise OSError(error.reason) from error
        self._checked.update((address, port) for address in addresses)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        return

    def socket_for(self, target: tuple[Any, ...]) -> socket.socket:
        """A socket for a connection that aiohttp is about to make. Raises OSError for one that may not be made."""
        family, kind, protocol, _, (address, port, *_) = target
        if (address, port) not in self._checked:
            try:
                self._reach.check_port(address, port)
                self._reach.check_address(address, address, port)
            except FetchError as error:
                raise OSError(error.reason) from error
        return socket.socket(family, kind, protocol)
