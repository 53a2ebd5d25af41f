"""What accounts hold of a person, and how it is erased: ways in, what they allowed, what they used up."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop as _

from accounts.erasing.holdings import Holding, rows_of
from accounts.models import (
    ApiKey,
    AuditEvent,
    Consent,
    Device,
    DirectoryPerson,
    Hold,
    Insight,
    Invitation,
    IssuedCode,
    IssuedToken,
    Limit,
    LimitCount,
    Program,
    Spending,
    User,
)
from accounts.signing_in import devices

ERASED = "Erased."


def _keys(person: User) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(user=person)


def _limits(person: User) -> QuerySet[Limit]:
    """Of the person and of their keys."""
    keys = _keys(person).values("pk")
    return Limit.objects.filter(
        Q(subject=Limit.Subject.PERSON, subject_id=person.pk) | Q(subject=Limit.Subject.KEY, subject_id__in=keys)
    )


def _forget_spending(person: User, at_most: int) -> int:
    """The sums stay, as nobody's: what a group or the house used up does not change with who leaves."""
    ids = list(Spending.objects.filter(user=person).order_by("pk").values_list("pk", flat=True)[:at_most])
    Spending.objects.filter(pk__in=ids).update(user=None, key_id=None)
    return len(ids)


def _end_sessions(person: User, at_most: int) -> int:
    count = Device.objects.filter(user=person).count()
    devices.forget_sessions(person)
    return count


def _ways_in(person: User) -> list[QuerySet[Any]]:
    return [
        Authenticator.objects.filter(user=person),
        SocialAccount.objects.filter(user=person),
        EmailAddress.objects.filter(user=person),
    ]


def _shut_ways_in(person: User, at_most: int) -> int:
    count = sum(rows.count() for rows in _ways_in(person))
    for rows in _ways_in(person):
        rows.delete()
    return count


def _entries(person: User) -> QuerySet[LogEntry]:
    """Of the administration site: what they did there, and what was done to their account."""
    people = ContentType.objects.get_for_model(User)
    return LogEntry.objects.filter(Q(user=person) | Q(content_type=people, object_id=str(person.pk)))


def _held(person: User) -> QuerySet[Hold]:
    """Holds that have ended; with one that has not nobody is erased."""
    return Hold.objects.filter(person=person).exclude(reason=ERASED)


def _forget_why(person: User, at_most: int) -> int:
    return _held(person).update(reason=ERASED)


def _leave_groups(person: User, at_most: int) -> int:
    count = person.groups_joined.count()
    person.groups_joined.clear()
    return count


HOLDINGS = (
    Holding(_("Groups"), lambda person: person.groups_joined.count(), _leave_groups),
    Holding(
        _("Devices"),
        lambda person: Device.objects.filter(user=person).count(),
        _end_sessions,
        kind="devices",
    ),
    Holding(_("Ways to sign in"), lambda person: sum(rows.count() for rows in _ways_in(person)), _shut_ways_in),
    rows_of(_("Entries of a directory"), lambda person: DirectoryPerson.objects.filter(user=person)),
    rows_of(_("Personal limits"), _limits),
    rows_of(_("Counts towards limits"), lambda person: LimitCount.objects.filter(holder_id=person.pk)),
    rows_of(_("API keys"), _keys),
    rows_of(_("Tokens of programs"), lambda person: IssuedToken.objects.filter(user=person)),
    rows_of(_("Codes for programs"), lambda person: IssuedCode.objects.filter(user=person)),
    rows_of(_("Allowed programs"), lambda person: Consent.objects.filter(user=person)),
    rows_of(_("Invitations"), lambda person: Invitation.objects.filter(user=person)),
    rows_of(_("Permissions for others to read conversations"), lambda person: Insight.objects.filter(person=person)),
    rows_of(_("Entries in the log of the administration site"), _entries),
    Holding(
        _("Days with use of models"),
        lambda person: Spending.objects.filter(user=person).count(),
        _forget_spending,
        stays=_("The sums stay, as nobody's: what a group used up does not change with who leaves."),
        kind="usage",
    ),
    Holding(
        _("Legal holds of before"),
        lambda person: _held(person).count(),
        _forget_why,
        stays=_("That there was one stays. Why goes."),
        is_told=False,
    ),
    Holding(
        _("Permissions to read conversations of others"),
        lambda person: Insight.objects.filter(reader=person).count(),
        stays=_("Whom it was about may always see that somebody read them."),
    ),
    Holding(
        _("Programs answered for"),
        lambda person: Program.objects.filter(owner=person).count(),
        stays=_("Ended programs stay in the list. One that still works is handed over first."),
    ),
    Holding(
        _("Events of the audit log"),
        lambda person: AuditEvent.objects.filter(Q(actor=str(person.pk)) | Q(object=f"user:{person.pk}")).count(),
        stays=_("The log is never cut. It has ids, sizes and keyed digests, no words and no addresses."),
    ),
)
