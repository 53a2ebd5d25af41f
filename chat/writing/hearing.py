"""What every process that serves people hears from the others: stops that were asked for, and access that ended.

A stop is a hint to all, at once. The row says it too, and every writer looks there with each save; whoever misses the
hint stops a little later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import redis.exceptions
from channels.layers import get_channel_layer

from accounts import open_lines

log = logging.getLogger(__name__)

WRITERS = "writers"  # the channel group of all processes that write answers
AGAIN_SECONDS = 2.0


async def hear(stop: Callable[[UUID, str], None]) -> None:
    """Call ``stop`` with an answer and the reason for each hint, and end what is open with an access, for ever."""
    layer = get_channel_layer()
    while True:
        try:
            channel = await layer.new_channel()
            await layer.group_add(WRITERS, channel)
            while True:
                news = await layer.receive(channel)
                if news["type"] == "stop.asked":
                    stop(UUID(news["message_id"]), news["reason"])
                elif news["origin"] != open_lines.PROCESS:
                    user_id = UUID(news["user_id"])
                    open_lines.end_lines(user_id=user_id, key=news["key"], session=news["session"])
        except (redis.exceptions.RedisError, OSError) as error:
            log.warning("stops from other processes are seen in the rows alone for now: %r", error)
            await asyncio.sleep(AGAIN_SECONDS)
