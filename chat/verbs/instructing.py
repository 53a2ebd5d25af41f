"""What a person wants models to know in every conversation of theirs. ``composing.prompts`` says what becomes of it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError
from chat.models import Instructions

MAX_CHARACTERS = 2000


def write_instructions(actor: User, *, about: str, manner: str, is_on: bool) -> Instructions:
    """Set them, from the next answer on. Switched off they are kept, and told to nobody.

    Raises BadInputError for a text that is too long.
    """
    rights.require(actor, "chat.ask")
    about, manner = _checked(about), _checked(manner)
    columns = {"about": about, "manner": manner, "is_on": is_on, "changed_at": timezone.now()}
    with transaction.atomic():
        instructions, _ = Instructions.objects.update_or_create(user=actor, defaults=columns)
        payload = {"about_characters": len(about), "manner_characters": len(manner), "is_on": is_on}
        audit.record(actor=actor, action="instructions.write", obj=instructions, payload=payload)
    return instructions


def _checked(text: str) -> str:
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(text) > MAX_CHARACTERS:
        raise BadInputError(f"Each can have {MAX_CHARACTERS:,} characters; one has {len(text):,}. Shorten it.")
    return text
