"""Setting up assistants. Prompts are versions: a new wording is a new row, and old answers keep naming theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError
from app.inference.models import Model, Role
from chat.models import Assistant, Fallback, PromptVersion


def names_for(user: User | None) -> list[tuple[UUID, str]]:
    """Ids and names of the assistants that this person may use; without a person, of all."""
    rows = Assistant.objects.all() if user is None else Assistant.objects.visible_to(user)
    return list(rows.order_by("name", "pk").values_list("pk", "name"))


def create_assistant(actor: User, *, slug: str, name: str, **columns: Any) -> Assistant:
    """A new assistant; ``columns`` are those of the model."""
    rights.require(actor, "chat.edit_assistant")
    _check(columns)
    check_chain(columns.get("model"), columns.get("canary"), [])
    with transaction.atomic():
        assistant = Assistant.objects.create(slug=slug, name=name, **columns)
        audit.record(actor=actor, action="assistant.create", obj=assistant, payload={"slug": slug})
    return assistant


def change_assistant(
    actor: User, *, assistant: Assistant, fallbacks: Sequence[Model] | None = None, **columns: Any
) -> None:
    """Change some columns; the audit event names them. ``fallbacks`` takes the place of the whole chain, in order.

    Raises BadInputError for a chain that cannot be: a model twice, or one that does not write.
    """
    rights.require(actor, "chat.edit_assistant")
    if columns.get("canary", assistant.canary) is None and columns.get("canary_percent", assistant.canary_percent):
        columns["canary_percent"] = 0
    if not 0 <= columns.get("canary_percent", 0) <= 100:
        raise BadInputError("The share of a model on trial is 0 to 100 percent.")
    wanted = {name: columns.get(name, getattr(assistant, name)) for name in ("mode", "model", "canary")}
    _check(wanted)
    with transaction.atomic():
        Assistant.objects.select_for_update().get(pk=assistant.pk)
        chain = [one.model for one in assistant.fallbacks.select_related("model")] if fallbacks is None else fallbacks
        check_chain(wanted["model"], wanted["canary"], chain)
        for name, value in columns.items():
            setattr(assistant, name, value)
        assistant.save(update_fields=list(columns))
        payload: dict[str, Any] = {"columns": sorted(columns)}
        if fallbacks is not None:
            _replace_fallbacks(assistant, fallbacks)
            payload["fallbacks"] = [model.name for model in fallbacks]
        audit.record(actor=actor, action="assistant.change", obj=assistant, payload=payload)


def write_prompt(actor: User, *, assistant: Assistant, template: str) -> PromptVersion:
    """Give an assistant a new wording of its instructions, from its next answer on."""
    rights.require(actor, "chat.edit_assistant")
    template = template.strip()
    if not template:
        raise BadInputError("Write the instructions first.")
    with transaction.atomic():
        Assistant.objects.select_for_update().get(pk=assistant.pk)
        newest = assistant.prompts.aggregate(newest=Max("number"))["newest"] or 0
        version = PromptVersion.objects.create(
            assistant=assistant, number=newest + 1, template=template, created_by=actor
        )
        Assistant.objects.filter(pk=assistant.pk).update(prompt=version)
        audit.record(actor=actor, action="assistant.write_prompt", obj=assistant, payload={"number": version.number})
    return version


def adopt_model(actor: User | str, *, model: Model) -> list[Assistant]:
    """Let a capable model take the place of the demonstration: called when a server for it is first connected.

    Assistants on a demonstration model move to it, and a default one that never had a model begins to write with it.
    Returns who changed; what an administrator sets afterwards stays.
    """
    if model.is_demonstration or model.role != "generate":
        return []
    with transaction.atomic():
        waiting = Assistant.objects.select_for_update(of=("self",)).filter(
            Q(model__is_demonstration=True) | Q(is_default=True, mode=Assistant.Mode.QUOTE, model=None)
        )
        changed = list(waiting)
        for assistant in changed:
            assistant.model, assistant.mode = model, Assistant.Mode.GENERATE
            if assistant.canary_id == model.pk:
                assistant.canary, assistant.canary_percent = None, 0
            assistant.save(update_fields=["model", "mode", "canary", "canary_percent"])
            _replace_fallbacks(assistant, [one.model for one in assistant.fallbacks.exclude(model=model)])
            audit.record(actor=actor, action="assistant.adopt_model", obj=assistant, payload={"model": model.name})
    return changed


def check_chain(model: Model | None, canary: Model | None, fallbacks: Sequence[Model]) -> None:
    """Raises BadInputError unless these are different models that write, and the first of them is there."""
    chain = [one for one in (model, canary, *fallbacks) if one is not None]
    if model is None and len(chain) > 0:
        raise BadInputError("Choose the model that writes first; others can only take its place.")
    for one in chain:
        if one.role != Role.GENERATE:
            raise BadInputError(f"{one} does not write answers.")
        if chain.count(one) > 1:
            raise BadInputError(f"{one} is named twice. Each model has one place: first, on trial, or in the chain.")


def _check(columns: dict[str, Any]) -> None:
    if columns.get("mode") == Assistant.Mode.GENERATE and columns.get("model") is None:
        raise BadInputError("An assistant that writes needs a model; choose one or let it quote.")


def _replace_fallbacks(assistant: Assistant, models: Sequence[Model]) -> None:
    assistant.fallbacks.all().delete()
    Fallback.objects.bulk_create(
        Fallback(assistant=assistant, model=model, position=position) for position, model in enumerate(models, start=1)
    )
