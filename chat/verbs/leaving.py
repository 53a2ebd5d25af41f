"""Readers who leave: what a model writes for nobody is stopped, so that its server writes for somebody else.

A browser that closes a page says so (1001, "going away"). If the page did not say before that its reader only goes on
to another page of Parley, and nobody has the conversation open a moment later, in this process or another, the answer
is stopped as by its reader. A line that merely broke, or that a program closed, leaves the answer to be written to its
end. Who has a conversation open is known to Valkey, where every process listens for its news. (See
docs/decisions/0015-leaving.md.)
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import redis.asyncio
import redis.exceptions
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError

from accounts.models import User
from app.web.threads import in_thread
from chat.streaming.groups import watchers_of
from chat.verbs.stopping import leave_conversation

log = logging.getLogger(__name__)

GOING_AWAY = 1001
BACK_WITHIN_SECONDS = 1.5  # a reload takes less
ASK_SECONDS = 0.5

_reading: Counter[UUID] = Counter()
_leaving: set[asyncio.Task[None]] = set()


@contextmanager
def reading(conversation_id: UUID) -> Iterator[None]:
    """Somebody reads along here without a socket, as programs do."""
    _reading[conversation_id] += 1
    try:
        yield
    finally:
        _reading[conversation_id] -= 1
        if not _reading[conversation_id]:
            del _reading[conversation_id]


def leave_soon(user: User, conversation_id: UUID, *, within: float = BACK_WITHIN_SECONDS) -> None:
    """This reader went away: stop what is written for them, unless somebody reads it ``within`` these seconds."""
    task = asyncio.get_running_loop().create_task(_leave(user, conversation_id, within))
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)


async def _leave(user: User, conversation_id: UUID, within: float) -> None:
    await asyncio.sleep(within)
    if await _is_open(conversation_id):
        return
    try:
        await in_thread(leave_conversation, user, conversation_id=conversation_id)
    except DatabaseError as error:
        log.warning("what is written in %s goes on without a reader: %s", conversation_id, error)


async def _is_open(conversation_id: UUID) -> bool:
    """Whether anybody, in any process, has it open. Unknown counts as yes: what is read must not be stopped."""
    if _reading[conversation_id]:
        return True
    channel = f"{get_channel_layer().prefix}__group__{watchers_of(conversation_id)}"
    try:
        async with asyncio.timeout(ASK_SECONDS), redis.asyncio.from_url(settings.VALKEY_URL) as client:
            [(_, processes)] = await client.pubsub_numsub(channel)
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        log.warning("nobody knows whether %s is still open: %r", conversation_id, error)
        return True
    return bool(processes)
