"""Choosing which of an assistant's models writes in a conversation, where the assistant leaves it to its reader.

A choice is remembered with the conversation. When its model is not offered any more the assistant's own writes, and the
page says so: nobody should lose a conversation to a change in the house.
"""

from __future__ import annotations

from django.db import transaction

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError, NotFoundError
from app.inference.models import Model
from chat.models import Assistant, Conversation


def choose_model(actor: User, *, conversation: Conversation, model: Model | None) -> None:
    """Have ``model`` write in this conversation from the next answer on; None: the assistant's own.

    Raises BadInputError for a model that the assistant does not offer, NotFoundError for an assistant that is not open
    to ``actor`` any more.
    """
    rights.require(actor, "chat.ask")
    assistant = Assistant.objects.visible_to(actor).filter(pk=conversation.assistant_id).first()
    if assistant is None:
        raise NotFoundError("This assistant is no longer open to you. Start a new conversation.")
    model = check_offered(assistant, model)
    if (model.pk if model else None) == conversation.model_id:
        return
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(model=model)
        payload = {"model": model.name if model else None}
        audit.record(actor=actor, action="conversation.choose_model", obj=conversation, payload=payload)
    conversation.model = model


def check_offered(assistant: Assistant, model: Model | None) -> Model | None:
    """``model``, or None where that is the assistant's own. Raises BadInputError for one that it does not offer."""
    if model is None or model.pk == assistant.model_id:
        return None
    if assistant.mode != Assistant.Mode.GENERATE or not assistant.offers_models.filter(pk=model.pk).exists():
        raise BadInputError(f"{assistant} does not offer {model} any more. Choose another model.")
    return model
