"""What accounts keep of a person, as they get it when they take everything along.

Without what would open something (digests, secrets), and without what others were promised: whether a legal hold is on
somebody, what moderators are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db.models import Q, QuerySet

from accounts.models import ApiKey, AuditEvent, Consent, Device, Insight, IssuedToken, Limit, Spending, User
from accounts.retention.kinds import days_for, kinds


def files_of(person: User) -> Iterator[tuple[str, Any]]:
    """Names of files, without their ending, and what is in them."""
    yield "account", _account(person)
    yield (
        "sign-ins",
        {
            "ways": [
                *(_row(one, "type", "created_at", "last_used_at") for one in Authenticator.objects.filter(user=person)),
                *(_row(one, "provider", "uid", "extra_data") for one in SocialAccount.objects.filter(user=person)),
                *(_row(one, "email", "verified") for one in EmailAddress.objects.filter(user=person)),
            ],
            "devices": [
                _row(one, "agent", "address", "signed_in_at", "seen_at")
                for one in Device.objects.filter(user=person).order_by("signed_in_at")
            ],
        },
    )
    yield (
        "programs",
        {
            "keys": [
                _row(one, "id", "name", "hint", "created_at", "expires_at", "revoked_at")
                | _row(one, "last_used_at", "last_used_from")
                for one in ApiKey.objects.filter(user=person).order_by("created_at")
            ],
            "allowed": [
                _row(one, "scopes", "given_at", "last_used_at", "revoked_at") | {"program": one.program.name}
                for one in Consent.objects.filter(user=person).select_related("program").order_by("given_at")
            ],
            "tokens": [
                _row(one, "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
                for one in IssuedToken.objects.filter(user=person).order_by("created_at")
            ],
        },
    )
    yield (
        "usage",
        {
            "days": [
                _row(one, "day", "model_name", "answers", "tokens_in", "tokens_out", "cost", "watt_hours")
                for one in Spending.objects.filter(user=person).order_by("day")
            ],
            "limits": [
                _row(one, "measure", "amount", "period")
                for one in Limit.objects.live().filter(subject=Limit.Subject.PERSON, subject_id=person.pk)
            ],
        },
    )
    yield (
        "who-read",
        [
            _row(one, "reason", "hours", "approved_at", "expires_at", "ended_at", "views") | {"reader": str(one.reader)}
            for one in Insight.objects.about(person).select_related("reader").order_by("approved_at")
        ],
    )
    yield "kept-for", [{"kind": kind.name, "since": kind.since, "days": days_for(person, kind)} for kind in kinds()]


def events_of(person: User) -> Iterator[dict[str, Any]]:
    """What the audit log has of what they did, and of what was done to their account; the oldest first.

    That somebody asked to read their conversations is theirs to know once it was allowed, as on their own page.
    """
    silent = Q(action__in=("insight.ask", "insight.refuse")) | Q(action__startswith="hold.")
    about: QuerySet[AuditEvent] = AuditEvent.objects.filter(
        Q(actor=str(person.pk)) | Q(object=f"user:{person.pk}") & ~silent
    )
    for one in about.order_by("at", "id").iterator(1_000):
        row = _row(one, "id", "at", "action", "object", "outcome", "payload")
        yield row | {"by": "you" if one.actor == str(person.pk) else "somebody else"}


def _account(person: User) -> dict[str, Any]:
    return _row(person, "name", "email", "language", "created_at", "last_login", "wants_reminders", "is_active") | {
        "roles": sorted(person.roles),
        "capabilities": sorted(person.capabilities),
        "groups": [group.name for group in person.groups_reached.all()],
    }


def _row(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
