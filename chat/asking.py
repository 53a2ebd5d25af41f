"""Asking: the verbs that put a question and its waiting answer into a conversation.

Both rows and the audit event are written before anybody is told "accepted"; the writing of the answer begins after
commit. The same client id twice gives the same answer once, so a reader whose line broke may simply send again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, ConflictError, NotFoundError
from chat.models import Assistant, Conversation, Message
from chat.signals import answer_queued, conversation_changed

MAX_CHARACTERS = 20_000
MAX_JSON_BYTES = 60_000  # "accepted" repeats the question in one frame, which holds 64 KB
TITLE_CHARACTERS = 80


@dataclass(frozen=True)
class Turn:
    """A question and the answer that is being written to it. ``is_new`` is False when it was asked before."""

    question: Message
    answer: Message
    is_new: bool = True


def start_conversation(
    actor: User, *, assistant: Assistant | None = None, origin: str = Conversation.Origin.BROWSER
) -> Conversation:
    """An empty conversation with ``assistant``, or with the default one."""
    rights.require(actor, "chat.ask")
    assistant = assistant or find_default_assistant(actor)
    if assistant is None:
        raise NotFoundError("No assistant is open to you. Ask an administrator for one.")
    with transaction.atomic():
        conversation = Conversation.objects.create(owner=actor, assistant=assistant, origin=origin)
        audit.record(
            actor=actor, action="conversation.start", obj=conversation, payload={"assistant": str(assistant.id)}
        )
    return conversation


def find_default_assistant(user: User) -> Assistant | None:
    return Assistant.objects.visible_to(user).first()


def ask(
    actor: User, *, conversation: Conversation, text: str, client_id: str | None = None, parent_id: UUID | None = None
) -> Turn:
    """Put a question. Raises BadInputError, NotAllowedError, or NotFoundError for a parent of another conversation."""
    rights.require(actor, "chat.ask")
    text = _checked(text)
    try:
        with transaction.atomic():
            if client_id and (turn := _find_turn(conversation, client_id)):
                return turn
            return _write_turn(actor, conversation, text, client_id, parent_id)
    except IntegrityError:
        # Two frames with one client id at the same moment: the other one won.
        if client_id and (turn := _find_turn(conversation, client_id)):
            return turn
        raise


def _write_turn(
    actor: User, conversation: Conversation, text: str, client_id: str | None, parent_id: UUID | None
) -> Turn:
    if not Assistant.objects.visible_to(actor).filter(pk=conversation.assistant_id).exists():
        raise NotFoundError("This assistant is no longer open to you. Start a new conversation.")
    parent = _find_parent(conversation, parent_id)
    now = timezone.now()
    question = Message(
        conversation=conversation,
        parent=parent,
        role=Message.Role.USER,
        state=Message.State.DONE,
        text=text,
        client_id=client_id,
        created_at=now,
        finished_at=now,
    )
    answer = Message(**_queued(conversation.id, question.id))
    Message.objects.bulk_create([question, answer])
    title = conversation.title or _title_of(text)
    Conversation.objects.filter(pk=conversation.pk).update(active_at=now, title=title)
    audit.record(
        actor=actor,
        action="message.ask",
        obj=answer,
        payload={"conversation": str(conversation.id), "question": str(question.id), "characters": len(text)},
    )
    _announce(answer)
    return Turn(question, answer)


def regenerate(actor: User, *, answer: Message) -> Message:
    """A new answer beside ``answer``, to the same question. The old one stays."""
    rights.require(actor, "chat.ask")
    if answer.role != Message.Role.ASSISTANT or answer.parent_id is None:
        raise BadInputError("Only an answer can be written again.")
    if not answer.is_settled:
        raise ConflictError("This answer is still under way. Stop it first.", current={"state": answer.state})
    with transaction.atomic():
        again = Message.objects.create(**_queued(answer.conversation_id, answer.parent_id))
        Conversation.objects.filter(pk=answer.conversation_id).update(active_at=timezone.now())
        audit.record(actor=actor, action="message.regenerate", obj=again, payload={"instead_of": str(answer.id)})
        _announce(again)
    return again


def _queued(conversation_id: UUID, question_id: UUID) -> dict[str, Any]:
    """A new answer's columns: its first event, "accepted", is told by being written."""
    return {
        "conversation_id": conversation_id,
        "parent_id": question_id,
        "role": Message.Role.ASSISTANT,
        "state": Message.State.QUEUED,
        "log": [[1, "accepted", None]],
        "seq": 1,
    }


def _announce(answer: Message) -> None:
    transaction.on_commit(partial(answer_queued.send, sender=Message, message_id=answer.id))
    transaction.on_commit(
        partial(
            conversation_changed.send,
            sender=Message,
            conversation_id=answer.conversation_id,
            message_id=answer.id,
        )
    )


def _checked(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise BadInputError("Write a question first.")
    if len(text) > MAX_CHARACTERS:
        raise BadInputError(f"A question can have {MAX_CHARACTERS:,} characters; this has {len(text):,}. Shorten it.")
    if len(orjson.dumps(text)) > MAX_JSON_BYTES:
        raise BadInputError(f"A question can have {MAX_JSON_BYTES:,} bytes as JSON; this has more. Shorten it.")
    return text


def _find_turn(conversation: Conversation, client_id: str) -> Turn | None:
    question = conversation.messages.filter(client_id=client_id).first()
    if question is None:
        return None
    answer = question.children.order_by("created_at", "id").last()
    return Turn(question, answer, is_new=False) if answer else None


def _find_parent(conversation: Conversation, parent_id: UUID | None) -> Message | None:
    """The message asked under: the named one, or the conversation's last answer."""
    if parent_id is None:
        answers = conversation.messages.filter(role=Message.Role.ASSISTANT)
        return answers.order_by("created_at", "id").last()
    parent = conversation.messages.filter(pk=parent_id).first()
    if parent is None:
        raise NotFoundError("The message you answer to is not in this conversation.")
    return parent


def _title_of(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= TITLE_CHARACTERS else first[: TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
