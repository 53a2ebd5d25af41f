"""Setting up assistants. Prompts are versions: a new wording is a new row, and old answers keep naming theirs."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Max, Q

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError
from app.inference.models import Model
from chat.models import Assistant, PromptVersion


def create_assistant(actor: User, *, slug: str, name: str, **columns: Any) -> Assistant:
    """A new assistant; ``columns`` are those of the model."""
    rights.require(actor, "chat.edit_assistant")
    _check(columns)
    with transaction.atomic():
        assistant = Assistant.objects.create(slug=slug, name=name, **columns)
        audit.record(actor=actor, action="assistant.create", obj=assistant, payload={"slug": slug})
    return assistant


def change_assistant(actor: User, *, assistant: Assistant, **columns: Any) -> None:
    """Change some columns; the audit event names them."""
    rights.require(actor, "chat.edit_assistant")
    _check({"mode": assistant.mode, "model": assistant.model} | columns)
    with transaction.atomic():
        for name, value in columns.items():
            setattr(assistant, name, value)
        assistant.save(update_fields=list(columns))
        audit.record(actor=actor, action="assistant.change", obj=assistant, payload={"columns": sorted(columns)})


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
            assistant.save(update_fields=["model", "mode"])
            audit.record(actor=actor, action="assistant.adopt_model", obj=assistant, payload={"model": model.name})
    return changed


def _check(columns: dict[str, Any]) -> None:
    if columns.get("mode") == Assistant.Mode.GENERATE and columns.get("model") is None:
        raise BadInputError("An assistant that writes needs a model; choose one or let it quote.")
