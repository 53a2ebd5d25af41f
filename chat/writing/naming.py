"""The title of a conversation, by the model that answered first, in place of the question's first words.

It comes after the answer and beside it, so nobody waits for it. A name that a person gave stays, whenever it was given.
The title is screened like an answer, since a model wrote it; models for demonstration make none, and neither does an
answer that was held, blocked or broke off.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import transaction

from accounts import audit
from app.inference.asides.titling import make_title
from app.inference.models import Model
from chat.composing.setups import Setup, load_setup
from chat.models import Assistant, Conversation, Message
from chat.signals import conversation_named
from moderation.screening.judging import screen


def name(message_id: UUID) -> None:
    """Name the conversation that begins with this answer, if it has no better title yet."""
    answer = _first_answer(message_id)
    if answer is None or answer.parent is None:
        return
    setup = load_setup(answer.conversation.assistant_id)
    model = _model_of(setup, answer.conversation)
    title = make_title(model, question=answer.parent.text, answer=answer.text) if model else ""
    if title and screen(title, setup.rules, "answer").action == "allow":
        _give(answer.conversation, title, model)


def _first_answer(message_id: UUID) -> Message | None:
    begun = Message.objects.filter(
        pk=message_id,
        role=Message.Role.ASSISTANT,
        state=Message.State.DONE,
        parent__parent=None,
        conversation__titled_by=Conversation.TitledBy.WORDS,
        conversation__deleted_at=None,
    )
    return begun.select_related("conversation", "parent").defer("log", "evidence", "parent__log").first()


def _model_of(setup: Setup, conversation: Conversation) -> str:
    """The first of its models that is more than a demonstration; "" where there is none, or nothing is written."""
    if setup.assistant.mode != Assistant.Mode.GENERATE:
        return ""
    names = setup.models_for(conversation.pk, conversation.model_id)
    capable = set(Model.objects.filter(name__in=names, is_demonstration=False).values_list("name", flat=True))
    return next((name for name in names if name in capable), "")


def _give(conversation: Conversation, title: str, model: str) -> None:
    unnamed = Conversation.objects.filter(pk=conversation.pk, titled_by=Conversation.TitledBy.WORDS, deleted_at=None)
    with transaction.atomic():
        if not unnamed.update(title=title, titled_by=Conversation.TitledBy.MODEL):
            return
        audit.record(actor=audit.SYSTEM, action="conversation.name", obj=conversation, payload={"model": model})
        transaction.on_commit(partial(conversation_named.send, sender=Conversation, conversation_id=conversation.pk))
