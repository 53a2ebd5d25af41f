"""What knowledge keeps of a person, as they get it when they take everything along."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from knowledge.models import GapQuestion, Source


def questions_of(person: User) -> list[dict[str, Any]]:
    """Those that nothing supported, with personal data masked as they are kept."""
    asked = GapQuestion.objects.filter(asked_by=person).order_by("asked_at")
    return [{"text": one.text, "support": one.support, "asked_at": one.asked_at} for one in asked]


def sources_of(person: User) -> list[dict[str, Any]]:
    """What they keep for others: its name alone, since the documents are the organisation's."""
    kept = Source.objects.filter(owner=person, deleted_at=None).order_by("created_at")
    return [{"name": one.name, "kind": one.kind, "created_at": one.created_at} for one in kept]
