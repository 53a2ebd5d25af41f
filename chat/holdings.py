"""What the chat holds of a person: how it is erased, and how it goes when a rule says that it is old enough."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Least
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.erasing.holdings import Holding, rows_of
from accounts.models import User
from accounts.retention.kinds import Kind
from chat.exporting.archiving import remove_file
from chat.models import (
    Assistant,
    Attachment,
    Conversation,
    Export,
    Feedback,
    Instructions,
    Message,
    PromptVersion,
    Reply,
    SavedPrompt,
    Share,
    Tag,
)
from chat.signals import stop_asked
from chat.streaming.copies import forget_events
from chat.writing import file_bytes
from chat.writing.forgetting_files import ACTOR, delete_file
from chat.writing.purging import grace

CONVERSATIONS_AT_ONCE = 20  # each with all of its messages


def remove_conversations(ids: Sequence[Any]) -> int:
    """Conversations with all that hangs on them: messages, citations, files, feedback, shares, copies in Valkey.

    Within the caller's transaction; bytes and copies go when that is committed. What is being written is stopped.
    """
    messages = list(Message.objects.filter(conversation__in=ids).values_list("pk", "state"))
    files = Attachment.objects.filter(conversation__in=ids).without_text()
    places = [place for file in files for place in file.places()]
    for message_id, state in messages:
        if state in (Message.State.QUEUED, Message.State.RUNNING):
            transaction.on_commit(partial(stop_asked.send, sender=Message, message_id=message_id))
    removed = Conversation.objects.filter(pk__in=ids).delete()[1]
    transaction.on_commit(partial(file_bytes.drop, places))
    transaction.on_commit(partial(forget_events, [message_id for message_id, _ in messages]))
    return removed.get("chat.Conversation", 0)


def _erase_conversations(person: User, at_most: int) -> int:
    ids = Conversation.objects.filter(owner=person).order_by("pk").values_list("pk", flat=True)
    return remove_conversations(list(ids[: min(at_most, CONVERSATIONS_AT_ONCE)]))


def _remove_some_conversations(ids: Sequence[Any]) -> int:
    """Those that come first; the next batch begins with the others."""
    return remove_conversations(ids[:CONVERSATIONS_AT_ONCE])


def _remove_files(ids: Sequence[Any]) -> int:
    """Through the same door as when their person deletes them: cards of answers quote them no more."""
    files = list(Attachment.objects.filter(pk__in=ids).without_text())
    for file in files:
        delete_file(ACTOR, file)
    return len(files)


def _erase_files(person: User, at_most: int) -> int:
    return _remove_files(list(Attachment.objects.filter(owner=person).values_list("pk", flat=True)[:at_most]))


def _erase_exports(person: User, at_most: int) -> int:
    exports = list(Export.objects.filter(owner=person)[:at_most])
    for export in exports:
        remove_file(export)
    return Export.objects.filter(pk__in=[export.pk for export in exports]).delete()[0]


def _leave_assistants(person: User, at_most: int) -> int:
    return Assistant.objects.filter(owner=person).update(owner=None)


def _named_in_shares(person: User) -> QuerySet[Any]:
    return Share.people.through.objects.filter(user=person)


def _still_theirs(person: User) -> QuerySet[Conversation]:
    """Those at hand, and those that can be brought back."""
    lately = Q(deleted_at=None) | Q(deleted_at__gt=timezone.now() - grace())
    return Conversation.objects.filter(lately, owner=person)


HOLDINGS = (
    Holding(
        _("Conversations"),
        lambda person: Conversation.objects.filter(owner=person).count(),
        _erase_conversations,
        kind="conversations",
        seen=lambda person: _still_theirs(person).count(),
    ),
    Holding(
        _("Files"),
        lambda person: Attachment.objects.filter(owner=person).count(),
        _erase_files,
        kind="files",
        seen=lambda person: Attachment.objects.belonging_to(person).count(),
    ),
    rows_of(
        _("Shares"),
        lambda person: Share.objects.filter(owner=person),
        kind="shares",
        seen=lambda person: Share.objects.filter(owner=person, conversation__deleted_at=None).count(),
    ),
    rows_of(_("Shares of others"), _named_in_shares),
    rows_of(
        _("Feedback"),
        lambda person: Feedback.objects.filter(user=person),
        kind="feedback",
        seen=lambda person: Feedback.objects.filter(user=person, message__conversation__deleted_at=None).count(),
    ),
    rows_of(_("Saved prompts"), lambda person: SavedPrompt.objects.filter(owner=person)),
    rows_of(_("Instructions"), lambda person: Instructions.objects.filter(user=person)),
    rows_of(_("Tags"), lambda person: Tag.objects.filter(owner=person)),
    Holding(_("Exports"), lambda person: Export.objects.filter(owner=person).count(), _erase_exports),
    Holding(
        _("Assistants answered for"),
        lambda person: Assistant.objects.filter(owner=person).count(),
        _leave_assistants,
        stays=_("The assistants stay; nobody answers for them until somebody is named."),
    ),
    Holding(
        _("Replies to feedback"),
        lambda person: Reply.objects.filter(author=person).count(),
        stays=_("They are part of the conversations of others. No name stands on them any more."),
    ),
    Holding(
        _("Wordings of assistants"),
        lambda person: PromptVersion.objects.filter(created_by=person).count(),
        stays=_("Answers name the wording they were written under. No name stands on it any more."),
    ),
)


def _purgeable() -> QuerySet[Conversation]:
    return Conversation.objects.filter(deleted_at__isnull=False)


def _ended_shares() -> QuerySet[Share]:
    return Share.objects.annotate(ended_at=Least("expires_at", Coalesce(F("revoked_at"), F("expires_at"))))


def _remove_shares(ids: Sequence[Any]) -> int:
    return Share.objects.filter(pk__in=ids).delete()[1].get("chat.Share", 0)


def _remove_feedback(ids: Sequence[Any]) -> int:
    return Feedback.objects.filter(pk__in=ids).delete()[1].get("chat.Feedback", 0)


KINDS = (
    Kind(
        "conversations",
        _("Conversations"),
        _("the last message"),
        lambda: Conversation.objects.filter(deleted_at=None),
        "owner",
        "active_at",
        _remove_some_conversations,
        note=_("With their messages, files, feedback and shares. Pinning one does not keep it longer."),
    ),
    Kind(
        "deleted-conversations",
        _("Deleted conversations"),
        _("their deletion"),
        _purgeable,
        "owner",
        "deleted_at",
        _remove_some_conversations,
        note=_("Until then their owner can bring them back."),
        most=lambda: grace().days,
    ),
    Kind(
        "files",
        _("Attached files"),
        _("they were attached"),
        lambda: Attachment.objects.filter(asked_at__isnull=False),
        "owner",
        "created_at",
        _remove_files,
        note=_("The conversation stays, without the file and without what was quoted of it."),
    ),
    Kind("shares", _("Ended shares"), _("their end"), _ended_shares, "owner", "ended_at", _remove_shares),
    Kind(
        "feedback",
        _("Feedback"),
        _("it was given"),
        Feedback.objects.all,
        "user",
        "given_at",
        _remove_feedback,
        note=_("With the replies to it."),
    ),
)
