"""Where somebody stands who asks in a conversation: whether they may, and what governs the answer. One statement.

Rights are asked of the database every time, so what is taken away is gone with the next question. They are the rights
of the querysets (``visible_to``), put into SQL once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from accounts import rights
from accounts.models import User
from accounts.sealed.fields import opened
from app.errors import NotFoundError, NotSignedInError
from app.web.statements import prepared_cursor
from chat.composing.prompts import Personal
from chat.composing.setups import STAMP, Setup, find_setup
from chat.models import Assistant, Conversation, Instructions

_STANDING = """
select u.is_active, u.roles, u.granted,
    array(select b.group_id from accounts_belonging b where b.user_id = u.id order by 1),
    c.id, c.title, c.model_id, i.about, i.manner,
    a.id, exists (select from ({usable}) usable where usable.pk = a.id), {stamp},
    exists (select from chat_attachment f where f.conversation_id = c.id and f.asked_at is not null)
from accounts_user u
left join (
    chat_conversation c
    join chat_assistant a on a.id = c.assistant_id
    left join moderation_policy p on p.id = a.policy_id
) on c.id = %s and c.id in ({mine})
left join chat_instructions i on i.user_id = u.id and i.is_on and c.origin = 'browser'
where u.id = %s
"""


@dataclass(frozen=True)
class Standing:
    """A person who may ask in this conversation, which has its owner and assistant at hand."""

    conversation: Conversation
    group_ids: tuple[UUID, ...]
    setup: Setup
    personal: Personal
    has_files: bool = False


def stand(actor: User, conversation: Conversation) -> Standing:
    """Where ``actor`` stands now. Their roles, and the conversation's title, model and assistant, are brought up to
    date.

    Raises NotSignedInError for who is suspended or gone, NotAllowedError, and NotFoundError when the conversation is
    not theirs any more or its assistant not open to them.
    """
    row = _read(actor, conversation)
    if row is None or not row[0]:
        raise NotSignedInError()
    actor.is_active, actor.roles, actor.granted = row[:3]
    rights.require(actor, "chat.ask")
    group_ids, found, title, model_id, about, manner, assistant_id, may_use, stamp, has_files = row[3:]
    if found is None:
        raise NotFoundError()
    if not may_use:
        raise NotFoundError("This assistant is no longer open to you. Start a new conversation.")
    title = opened(Conversation, "title", found, title)
    about, manner = (opened(Instructions, *one) for one in (("about", actor.pk, about), ("manner", actor.pk, manner)))
    setup = find_setup(assistant_id, stamp)
    conversation.owner, conversation.assistant, conversation.title = actor, setup.assistant, title
    conversation.model_id = model_id
    return Standing(conversation, tuple(group_ids), setup, Personal(about or "", manner or ""), has_files)


_READER, _CONVERSATION = UUID(int=1), UUID(int=2)  # stand for the real ones in the statement's values


def _read(actor: User, conversation: Conversation) -> tuple[Any, ...] | None:
    sql, values = _statement()
    places = {_READER: actor.pk, _CONVERSATION: conversation.pk}
    with prepared_cursor() as cursor:
        cursor.execute(sql, [places.get(value, value) for value in values])
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """The SQL and its values. Made once, so rights must not depend on more than who somebody is."""
    anybody = User(pk=_READER, is_active=True)
    usable, of_usable = Assistant.objects.visible_to(anybody).order_by().values("pk").query.sql_with_params()
    mine, of_mine = Conversation.objects.visible_to(anybody).order_by().values("pk").query.sql_with_params()
    return _STANDING.format(usable=usable, mine=mine, stamp=STAMP), (*of_usable, _CONVERSATION, *of_mine, _READER)
