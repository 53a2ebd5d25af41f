"""What changes in the registry, and when a place is free, told to every process at once.

A hint, as all that goes through Valkey: the registry is read anew every few seconds, and those who wait ask four
times a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import redis.asyncio
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from app.inference.routing.places import ROOT
from app.web.valkey import quick_client

log = logging.getLogger(__name__)

REGISTRY = "parley:registry"
PATIENCE_SECONDS = 0.5
PAUSE_SECONDS = 1.0


def tell_registry_changed() -> None:
    """Let every process read the registry once this transaction is done, instead of some seconds later."""
    transaction.on_commit(_tell)


def _tell() -> None:
    try:
        quick_client(settings.VALKEY_URL).publish(REGISTRY, b"")
    except (RedisError, OSError) as error:
        log.warning("that the model registry changed is not told, processes see it within seconds: %r", error)


class Listener:
    """Listens for one event loop, for as long as ``listen`` runs."""

    def __init__(self, url: str, root: str = ROOT) -> None:
        self._url = url
        self._root = root

    async def listen(self, on_free: Callable[[], None], on_registry: Callable[[], None]) -> None:
        """Call ``on_free`` when somewhere a place is free and ``on_registry`` when the registry has changed, or may
        have while nobody listened. Runs until it is cancelled.
        """
        while True:
            with contextlib.suppress(RedisError, OSError):
                await self._listen(on_free, on_registry)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self, on_free: Callable[[], None], on_registry: Callable[[], None]) -> None:
        client = redis.asyncio.from_url(self._url, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=None)
        async with client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(REGISTRY, f"{self._root}free")
            on_registry()
            async for message in pubsub.listen():
                if message["channel"] == REGISTRY.encode():
                    on_registry()
                else:
                    on_free()
