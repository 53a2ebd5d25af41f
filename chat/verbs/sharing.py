"""Sharing a conversation: a snapshot of the branch that is shown, for named people and groups, until a day.

A link's token follows from the share's id and the secret key, so its owner can be shown it again, although the database
has only its digest: whoever reads the tables, or a backup of them, cannot make a link of what stands there. It opens
nothing by itself either: its reader signs in and is one of those named. After the secret key was changed old links
still work, but cannot be shown again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import Belonging, Group, User
from app.errors import BadInputError, ConflictError
from chat.composing.snapshots import Transcript, snapshot_of, transcript_of
from chat.models import Conversation, Message, Share
from chat.verbs.stopping import UNDER_WAY

MOST_NAMED = 100
MOST_MESSAGES = 1000


def people_within_reach(user: User) -> QuerySet[User]:
    """Whom this person may name: those they share a group with. For an administrator everybody in a group."""
    groups = Group.objects.visible_to(user)
    members = Belonging.objects.filter(group__in=groups).values("user")
    return User.objects.filter(pk__in=members, is_active=True, is_service=False).exclude(pk=user.pk)


def longest() -> timedelta:
    """How long a share may last."""
    return timedelta(days=settings.SHARE_MAX_DAYS)


def share_conversation(
    actor: User,
    *,
    conversation: Conversation,
    people: Collection[User],
    groups: Collection[Group],
    expires_at: datetime,
    note: str = "",
) -> Share:
    """Let ``people`` and members of ``groups`` read the branch as it is now. Raises BadInputError for nobody, for
    somebody out of reach, a wrong day or a long note; ConflictError while an answer is being written.
    """
    rights.require(actor, "chat.ask")
    _check_named(actor, people, groups)
    _check_day(expires_at)
    note = _checked_note(note)
    transcript = _checked(transcript_of(conversation))
    share = Share(conversation=conversation, owner=actor, note=note, expires_at=expires_at)
    share.snapshot, share.digest = snapshot_of(transcript), digest_of(token_of(share))
    with transaction.atomic():
        share.save(force_insert=True)
        share.people.set(people)
        share.groups.set(groups)
        named = {"people": sorted(str(one.pk) for one in people), "groups": sorted(str(one.pk) for one in groups)}
        payload = {"share": str(share.pk), "messages": len(transcript.branch), "until": expires_at.isoformat(), **named}
        audit.record(actor=actor, action="conversation.share", obj=conversation, payload=payload)
    return share


def revoke_share(actor: User, *, share: Share) -> None:
    """From now on nobody can open it. ``restore_share`` undoes it."""
    _change(actor, share, "revoke", revoked_at=timezone.now())


def revoke_shares_of(actor: User, *, conversation: Conversation) -> int:
    """Revoke all that is shared of a conversation; how many that were."""
    live = list(Share.objects.owned_by(actor).filter(conversation=conversation, revoked_at=None))
    for share in live:
        revoke_share(actor, share=share)
    return len(live)


def restore_share(actor: User, *, share: Share) -> None:
    """Raises ConflictError once its time is over."""
    if share.has_expired:
        raise ConflictError(_("This share has expired. Share the conversation again."))
    _change(actor, share, "restore", revoked_at=None)


def open_share(actor: User, *, share: Share) -> None:
    """Count and log that somebody reads it; its owner's own looks do not count."""
    if share.owner_id == actor.pk:
        return
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(opened_count=F("opened_count") + 1, opened_at=timezone.now())
        audit.record(actor=actor, action="share.open", obj=share)


def token_of(share: Share) -> str:
    """The unguessable part of a share's link: 256 bits."""
    key = hashlib.sha256(b"parley share link" + settings.SECRET_KEY.encode()).digest()
    made = hmac.new(key, share.pk.bytes, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def find_token(share: Share) -> str | None:
    """The token of its link; None when it was made with another secret key."""
    token = token_of(share)
    return token if hmac.compare_digest(digest_of(token), share.digest) else None


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _change(actor: User, share: Share, deed: str, **columns: datetime | None) -> None:
    rights.require(actor, "chat.ask")
    with transaction.atomic():
        Share.objects.filter(pk=share.pk).update(**columns)
        audit.record(actor=actor, action=f"share.{deed}", obj=share)


def _check_named(actor: User, people: Collection[User], groups: Collection[Group]) -> None:
    if not people and not groups:
        raise BadInputError(_("Choose at least one person or group."))
    if len(people) + len(groups) > MOST_NAMED:
        raise BadInputError(
            _("A share can name %(most)d people and groups. Take some out, or name a group.") % {"most": MOST_NAMED}
        )
    near = people_within_reach(actor).filter(pk__in=[one.pk for one in people]).count()
    known = Group.objects.visible_to(actor).filter(pk__in=[one.pk for one in groups]).distinct().count()
    if near < len({one.pk for one in people}) or known < len({one.pk for one in groups}):
        raise BadInputError(_("You can share with your groups, and with people who are in one of them."))


def _check_day(expires_at: datetime) -> None:
    now = timezone.now()
    if expires_at <= now:
        raise BadInputError(_("Choose a day that is still to come."))
    if expires_at > now + longest():
        raise BadInputError(
            _("A share can last %(days)d days at most. Choose an earlier day.") % {"days": settings.SHARE_MAX_DAYS}
        )


def _checked_note(note: str) -> str:
    note = " ".join(note.replace("\x00", "").split())
    if len(note) > Share.NOTE_LENGTH:
        raise BadInputError(
            _("A note can have %(most)d characters; this has %(count)d. Shorten it.")
            % {"most": Share.NOTE_LENGTH, "count": len(note)}
        )
    return note


def _checked(transcript: Transcript) -> Transcript:
    branch = transcript.branch
    if not branch:
        raise BadInputError(_("There is nothing in this conversation yet."))
    if len(branch) > MOST_MESSAGES:
        raise BadInputError(
            _("Up to %(most)d messages can be shared; this conversation has more. Export it instead.")
            % {"most": MOST_MESSAGES}
        )
    if any(entry.state in UNDER_WAY for entry in branch if entry.role == Message.Role.ASSISTANT):
        raise ConflictError(_("An answer is still being written. Share the conversation once it has ended."))
    return transcript
