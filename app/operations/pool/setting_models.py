"""The deeds on models: what they cost and draw, how they are called, and which assistants write with them.

What the bytes are (files, revision) only taking a model in sets. What an index's vectors depend on stays as it is while
an index holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ProtectedError

from accounts import audit
from accounts.models import User
from accounts.rights import require
from app.errors import BadInputError
from app.inference.costing import pricing
from app.inference.models import Model, Role
from app.operations.pool.errors import InUseError
from chat.assistants import change_assistant
from chat.models import Assistant, Fallback
from knowledge.models import IndexGeneration

CHANGEABLE = (
    *("role", "upstream_name", "licence", "context_tokens", "query_prefix", "passage_prefix"),
    *("price_in", "price_cached", "price_out", "watts", "is_demonstration", "sees_images"),
    *("tensor_parallel", "pipeline_parallel"),
)
INDEXED = ("role", "query_prefix", "passage_prefix")


def change_model(actor: User, *, model: Model, **columns: Any) -> Model:
    """Change some of ``CHANGEABLE``; the audit event names them with their values before and after.

    Raises BadInputError for a value that cannot be, InUseError where something depends on what was.
    """
    require(actor, "pool.administer")
    with transaction.atomic():
        current = Model.objects.select_for_update().get(pk=model.pk)
        before = {name: getattr(current, name) for name in columns if name in CHANGEABLE}
        for name in before:
            setattr(current, name, columns[name])
        try:
            current.full_clean(validate_unique=False)
        except ValidationError as error:
            field, messages = next(iter(error.message_dict.items()))
            raise BadInputError(f"{field.replace('_', ' ').capitalize()}: {messages[0]}") from error
        changed = [name for name, value in before.items() if getattr(current, name) != value]
        _check_dependants(current, changed)
        if changed:
            current.save(update_fields=changed)
            values = {name: {"before": before[name], "after": getattr(current, name)} for name in changed}
            audit.record(actor=actor, action="pool.change_model", obj=current, payload=values)
    pricing.forget()
    return current


def remove_model(actor: User, *, model: Model) -> None:
    """Forget a model that nothing uses. Raises InUseError where something does."""
    require(actor, "pool.administer")
    with transaction.atomic():
        label = audit.label(model)
        if Assistant.objects.filter(offers_models=model).exists():
            raise InUseError(f"{model} is still offered by assistants. Take it out there first.")
        try:
            Model.objects.filter(pk=model.pk).delete()
        except ProtectedError as error:
            kinds = sorted({type(one)._meta.verbose_name_plural.__str__() for one in error.protected_objects})
            raise InUseError(f"{model} is still used by {', '.join(kinds)}. Take it out there first.") from error
        audit.record(actor=actor, action="pool.remove_model", obj=label, payload={"name": model.name})


def set_assistant_models(
    actor: User, *, assistant: Assistant, model: Model | None, fallbacks: Sequence[Model], **columns: Any
) -> None:
    """Who writes for an assistant: its model, those that take its place in order, and the ``canary`` with its
    ``canary_percent``; ``repeats_answers`` besides. One that quoted writes once it has a model, if it is told so
    by ``mode``.
    """
    require(actor, "pool.administer")
    change_assistant(actor, assistant=assistant, model=model, fallbacks=fallbacks, **columns)


def _check_dependants(model: Model, changed: Sequence[str]) -> None:
    if set(changed) & set(INDEXED) and IndexGeneration.objects.filter(model=model).exists():
        raise InUseError("An index holds its vectors: its role and its prefixes stay as they are until that is gone.")
    if "role" in changed and model.role != Role.GENERATE and _writes(model):
        raise InUseError(f"Assistants write with {model}. Give them another model first.")


def _writes(model: Model) -> bool:
    return (
        Assistant.objects.filter(model=model).exists()
        or Assistant.objects.filter(canary=model).exists()
        or Fallback.objects.filter(model=model).exists()
        or Assistant.objects.filter(offers_models=model).exists()
    )
