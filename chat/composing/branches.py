"""Branches: messages form a tree, and what is read, or told to a model, is one way through it.

A branch is named by the message it ends with. The one that is shown stands in the conversation (``chosen``); where
nothing was chosen yet it is the one with the newest message. Walking up looks at one row by its key for each message,
so the end of a branch costs the same however long the conversation is. ("offset 0" keeps the planner from joining all
messages instead, of whose number it knows little here.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q

from accounts.sealed.fields import opened
from app.web.statements import prepared_cursor
from chat.models import Message

_BRANCH = """
with recursive branch as (
    select id, parent_id, 1 as step from chat_message where conversation_id = %s and id = coalesce(
        %s::uuid,
        (select chosen_id from chat_conversation where id = %s),
        (select id from chat_message where conversation_id = %s order by created_at desc, id desc limit 1)
    )
    union all
    select up.id, up.parent_id, branch.step + 1
    from branch join chat_message up on up.id = branch.parent_id where branch.step < %s
)
"""
_STEPS = f"{_BRANCH} select id, parent_id from branch order by step"  # noqa: S608 - of constants alone
_SAID = f"""{_BRANCH}
select said.id, said.parent_id, said.role, said.text, said.client_id from (
    select id, step from branch
    union all
    select id, null from chat_message where conversation_id = %s and client_id = %s
) named cross join lateral (select * from chat_message where id = named.id offset 0) said order by step
"""  # noqa: S608 - of constants alone
_NEWEST_BELOW = """
with recursive below as (
    select id, created_at from chat_message where id = %s
    union all
    select down.id, down.created_at from below join chat_message down on down.parent_id = below.id
)
select id from below order by created_at desc, id desc limit 1
"""
MOST_SAID = 60


class Said(NamedTuple):
    """A message of a conversation, as far as a brief needs it. Held text is never in it."""

    id: UUID
    parent_id: UUID | None
    role: str
    text: str
    client_id: str | None

    @classmethod
    def read(cls, row: tuple[Any, ...]) -> Said:
        """As the database has it, where the text is sealed."""
        one = cls(*row)
        return one._replace(text=opened(Message, "text", one.id, one.text))

    @classmethod
    def of(cls, message: Message) -> Said:
        return cls(message.id, message.parent_id, message.role, message.text, message.client_id)


class Step(NamedTuple):
    """A message on a branch, and the one before it."""

    id: UUID
    parent_id: UUID | None


@dataclass(frozen=True)
class Versions:
    """Where one message stands among those with the same parent, the earliest first."""

    place: str
    number: int = 1
    count: int = 1
    before: UUID | None = None
    after: UUID | None = None


def said_on(conversation_id: UUID, *, end: UUID | None = None, client_id: str | None = None) -> list[Said]:
    """The last 60 messages of the branch that ends with ``end``, or of the one that is shown, the newest first; after
    them the question that was asked under ``client_id``, on whatever branch it is. Nothing when ``end`` is not of this
    conversation. One statement.
    """
    here = conversation_id
    with prepared_cursor() as cursor:
        cursor.execute(_SAID, [here, end, here, here, MOST_SAID, here, client_id])
        return [Said.read(row) for row in cursor.fetchall()]


def steps_of(conversation_id: UUID, *, end: UUID | None = None, most: int) -> list[Step]:
    """The last messages of a branch, as ``said_on`` finds them, the newest first. One statement."""
    here = conversation_id
    with prepared_cursor() as cursor:
        cursor.execute(_STEPS, [here, end, here, here, most])
        return [Step(*row) for row in cursor.fetchall()]


def newest_below(message_id: UUID) -> UUID:
    """The newest of all messages that follow this one on any branch, or the message itself. One statement."""
    with prepared_cursor() as cursor:
        cursor.execute(_NEWEST_BELOW, [message_id])
        found: UUID = cursor.fetchone()[0]
    return found


def versions_of(messages: Collection[Message]) -> dict[UUID, Versions]:
    """How each of these messages of one conversation stands among its versions. One statement."""
    forks = {(message.parent_id, message.role) for message in messages}
    shown = {message.id for message in messages}
    beside = Q(parent__in=[parent for parent, _ in forks if parent])
    if any(parent is None for parent, _ in forks):
        beside |= Q(parent=None, conversation__in={message.conversation_id for message in messages})
    found: dict[tuple[UUID | None, str], list[UUID]] = defaultdict(list)
    rows = Message.objects.filter(beside).order_by("created_at", "id")
    for one, parent, role in rows.values_list("id", "parent_id", "role"):
        found[parent, role].append(one)
    return {
        one: Versions(
            place=str(fork[0] or "first"),
            number=index + 1,
            count=len(ids),
            before=ids[index - 1] if index else None,
            after=ids[index + 1] if index + 1 < len(ids) else None,
        )
        for fork, ids in found.items()
        for index, one in enumerate(ids)
        if one in shown
    }
