"""Who answers for what no passage supports, as a page says it: by name, and only of sources its reader knows of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from chat.models import Assistant, Message
from knowledge.models import Source


@dataclass(frozen=True)
class Owner:
    """Somebody who answers for a source, or where ``source`` is empty for the assistant."""

    name: str
    source: str = ""


@dataclass(frozen=True)
class GroundsView:
    """What ``chat/_grounds.html`` draws. ``is_noted``: whether the question is kept as unanswered, if known."""

    claims: int
    unsupported_count: int
    is_nothing: bool
    owners: Sequence[Owner] = ()
    is_noted: bool | None = None

    @property
    def is_shown(self) -> bool:
        return self.is_nothing or self.unsupported_count > 0


def grounds_views(messages: Sequence[Message], reader: User, assistant: Assistant) -> dict[UUID, GroundsView]:
    """Of those answers of a conversation that were judged. Two statements at most, however many there are."""
    judged = {one.id: one.grounds for one in messages if one.grounds and one.state in SHOWN}
    nothing = {key: grounds["near"] for key, grounds in judged.items() if "near" in grounds}
    named = _named({UUID(source_id) for near in nothing.values() for source_id in near}, reader)
    fallback = _fallback(assistant, reader) if any(not _of(near, named) for near in nothing.values()) else []
    return {
        key: GroundsView(
            claims=grounds["claims"],
            unsupported_count=len(grounds["unsupported"]),
            is_nothing=key in nothing,
            owners=(_of(nothing[key], named) or fallback) if key in nothing else (),
            is_noted=grounds.get("is_noted"),
        )
        for key, grounds in judged.items()
    }


SHOWN = frozenset({Message.State.DONE, Message.State.RELEASED, Message.State.STOPPED})


def _named(source_ids: set[UUID], reader: User) -> dict[UUID, Owner]:
    if not source_ids:
        return {}
    sources = Source.objects.visible_to(reader).filter(pk__in=source_ids, owner__is_active=True)
    return {one.pk: Owner(str(one.owner), one.name) for one in sources.select_related("owner")}


def _of(near: Sequence[str], named: Mapping[UUID, Owner]) -> list[Owner]:
    return [named[UUID(source_id)] for source_id in near if UUID(source_id) in named]


def _fallback(assistant: Assistant, reader: User) -> list[Owner]:
    """Whoever answers for the assistant, else for the sources that it is narrowed to."""
    if assistant.owner_id:
        owner = User.objects.filter(pk=assistant.owner_id, is_active=True).first()
        return [Owner(str(owner))] if owner else []
    sources = Source.objects.visible_to(reader).filter(assistant=assistant.pk, owner__is_active=True)
    return [Owner(str(one.owner), one.name) for one in sources.select_related("owner")[:3]]
