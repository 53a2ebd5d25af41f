"""Keeping one's conversations in order: rename, pin, tag, archive, delete, and take each of them back."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import User
from app.errors import BadInputError
from chat.models import Conversation, Tag

MOST_PINS = 50  # they stand above every page of the list, so they stay few
MOST_TAGS = 200
MOST_TAGS_EACH = 10


def rename_conversation(actor: User, *, conversation: Conversation, title: str) -> None:
    """From now on no model names it."""
    rights.require(actor, "chat.ask")
    title = " ".join(title.replace("\x00", "").split())[:120]
    if not title:
        raise BadInputError("Give the conversation a name.")
    _change(actor, conversation, "rename", title=title, titled_by=Conversation.TitledBy.PERSON)


def pin_conversation(actor: User, *, conversation: Conversation) -> None:
    """To the top of the list, and out of the archive. Raises BadInputError when there are as many as there may be."""
    rights.require(actor, "chat.ask")
    pinned = Conversation.objects.in_sidebar_of(actor).exclude(pinned_at=None).exclude(pk=conversation.pk)
    if pinned.count() >= MOST_PINS:
        raise BadInputError(f"{MOST_PINS} conversations are pinned, which is the most. Unpin one first.")
    _change(actor, conversation, "pin", pinned_at=timezone.now(), archived_at=None)


def unpin_conversation(actor: User, *, conversation: Conversation) -> None:
    rights.require(actor, "chat.ask")
    _change(actor, conversation, "unpin", pinned_at=None)


def archive_conversation(actor: User, *, conversation: Conversation) -> None:
    """Out of the list, but kept and found."""
    rights.require(actor, "chat.ask")
    _change(actor, conversation, "archive", archived_at=timezone.now(), pinned_at=None)


def unarchive_conversation(actor: User, *, conversation: Conversation) -> None:
    rights.require(actor, "chat.ask")
    _change(actor, conversation, "unarchive", archived_at=None)


def delete_conversation(actor: User, *, conversation: Conversation) -> None:
    """Take a conversation out of sight. ``restore_conversation`` undoes it."""
    rights.require(actor, "chat.ask")
    _change(actor, conversation, "delete", deleted_at=timezone.now())


def restore_conversation(actor: User, *, conversation: Conversation) -> None:
    rights.require(actor, "chat.ask")
    _change(actor, conversation, "restore", deleted_at=None)


def tag_conversation(actor: User, *, conversation: Conversation, name: str) -> Tag:
    """Keep it under a word of one's own; the word that is there already, when only its case is another.

    Raises BadInputError for no word, one that is too long, or one too many.
    """
    rights.require(actor, "chat.ask")
    name = _checked_tag(name)
    with transaction.atomic():
        others = conversation.tags.exclude(name__iexact=name)
        if others.count() >= MOST_TAGS_EACH:
            raise BadInputError(f"A conversation can have {MOST_TAGS_EACH} tags. Remove one first.")
        mine = Tag.objects.visible_to(actor)
        if mine.exclude(name__iexact=name).count() >= MOST_TAGS:
            raise BadInputError(f"You have {MOST_TAGS} tags, which is the most. Use one of them, or remove one first.")
        tag, _ = mine.get_or_create(name__iexact=name, defaults={"name": name, "owner": actor})
        conversation.tags.add(tag)
        audit.record(actor=actor, action="conversation.tag", obj=conversation, payload={"tag": str(tag.pk)})
    return tag


def untag_conversation(actor: User, *, conversation: Conversation, tag: Tag) -> None:
    """A tag that nothing is kept under is gone."""
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        conversation.tags.remove(tag)
        Tag.objects.filter(pk=tag.pk, conversations=None).delete()
        audit.record(actor=actor, action="conversation.untag", obj=conversation, payload={"tag": str(tag.pk)})


def _checked_tag(name: str) -> str:
    name = " ".join(name.replace("\x00", "").lstrip("#").split())
    if not name:
        raise BadInputError("Write the tag first.")
    if len(name) > Tag.LONGEST:
        raise BadInputError(f"A tag can have {Tag.LONGEST} characters; this has {len(name)}. Shorten it.")
    return name


def _change(actor: User, conversation: Conversation, deed: str, **columns: Any) -> None:
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(**columns)
        audit.record(actor=actor, action=f"conversation.{deed}", obj=conversation)
