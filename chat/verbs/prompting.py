"""Keeping saved prompts: one's own, and shared ones, which their author changes, or an administrator."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Group, User
from app.errors import BadInputError, NotFoundError
from chat.composing.placeholders import places_of
from chat.models import SavedPrompt

MAX_NAME = 80
MAX_TEXT = 8000
MAX_PLACES = 20


def create_prompt(actor: User, *, name: str, text: str, group: Group | None = None) -> SavedPrompt:
    """Save a text to ask again; for the members of ``group`` too, which must be one of the actor's.

    Raises BadInputError for what is missing or too long.
    """
    rights.require(actor, "chat.edit_prompt")
    name, text = _checked(name, text)
    _check_group(actor, group, None)
    with transaction.atomic():
        prompt = SavedPrompt.objects.create(owner=actor, name=name, text=text, group=group)
        audit.record(actor=actor, action="prompt.create", obj=prompt, payload=_told(prompt))
    return prompt


def change_prompt(actor: User, *, prompt: SavedPrompt, name: str, text: str, group: Group | None) -> None:
    """Give a prompt another name, text or readers. Raises as ``create_prompt``; the group it has may always stay."""
    rights.require(actor, "chat.edit_prompt", prompt)
    prompt.name, prompt.text = _checked(name, text)
    _check_group(actor, group, prompt.group_id)
    prompt.group, prompt.changed_at = group, timezone.now()
    with transaction.atomic():
        prompt.save(update_fields=["name", "text", "group", "changed_at"])
        audit.record(actor=actor, action="prompt.change", obj=prompt, payload=_told(prompt))


def copy_prompt(actor: User, *, prompt: SavedPrompt) -> SavedPrompt:
    """A copy of a prompt, as the actor's own and for them alone. Raises NotFoundError for one they may not see."""
    rights.require(actor, "chat.edit_prompt")
    if not SavedPrompt.objects.visible_to(actor).filter(pk=prompt.pk).exists():
        raise NotFoundError()
    with transaction.atomic():
        copy = SavedPrompt.objects.create(owner=actor, name=prompt.name, text=prompt.text)
        audit.record(actor=actor, action="prompt.copy", obj=copy, payload={"of": str(prompt.pk)})
    return copy


def delete_prompt(actor: User, *, prompt: SavedPrompt) -> None:
    """Take a prompt out of everybody's lists. ``restore_prompt`` undoes it."""
    rights.require(actor, "chat.edit_prompt", prompt)
    with transaction.atomic():
        SavedPrompt.objects.filter(pk=prompt.pk).update(deleted_at=timezone.now())
        audit.record(actor=actor, action="prompt.delete", obj=prompt)


def restore_prompt(actor: User, *, prompt: SavedPrompt) -> None:
    rights.require(actor, "chat.edit_prompt", prompt)
    with transaction.atomic():
        SavedPrompt.objects.filter(pk=prompt.pk).update(deleted_at=None)
        audit.record(actor=actor, action="prompt.restore", obj=prompt)


def _told(prompt: SavedPrompt) -> dict[str, object]:
    return {"group": str(prompt.group_id) if prompt.group_id else None, "characters": len(prompt.text)}


def _checked(name: str, text: str) -> tuple[str, str]:
    name = " ".join(name.replace("\x00", "").split())
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if not name:
        raise BadInputError("Give the prompt a name.")
    if len(name) > MAX_NAME:
        raise BadInputError(f"A name can have {MAX_NAME} characters; this has {len(name)}. Shorten it.")
    if not text:
        raise BadInputError("Write the text of the prompt.")
    if len(text) > MAX_TEXT:
        raise BadInputError(f"A prompt can have {MAX_TEXT:,} characters; this has {len(text):,}. Shorten it.")
    if (count := len(places_of(text))) > MAX_PLACES:
        raise BadInputError(f"A prompt can have {MAX_PLACES} places to fill in; this has {count}. Take some out.")
    return name, text


def _check_group(actor: User, group: Group | None, present_id: object) -> None:
    if group is None or group.pk == present_id:
        return
    if not Group.objects.visible_to(actor).filter(pk=group.pk).exists():
        raise BadInputError("You can share a prompt with groups that you are in. Choose another group.")
