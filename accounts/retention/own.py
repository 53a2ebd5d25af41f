"""What of accounts goes when a rule says that it is old enough: devices, and whose what was used up is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import DateTimeField, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext_noop as _

from accounts.models import Device, Spending
from accounts.retention.kinds import Kind


def _end_devices(ids: Sequence[Any]) -> int:
    rows = Device.objects.filter(pk__in=ids)
    Session.objects.filter(session_key__in=list(rows.values_list("session_key", flat=True))).delete()
    return rows.delete()[0]


def _used() -> QuerySet[Spending]:
    return Spending.objects.filter(user__isnull=False).annotate(used_at=Cast("day", DateTimeField()))


def _forget_who(ids: Sequence[Any]) -> int:
    return Spending.objects.filter(pk__in=ids).update(user=None, key_id=None)


KINDS = (
    Kind(
        "devices",
        _("Devices that stay signed in"),
        _("they were last used"),
        Device.objects.all,
        "user",
        "seen_at",
        _end_devices,
        note=_("They sign in anew."),
    ),
    Kind(
        "usage",
        _("Who used up what"),
        _("that day"),
        _used,
        "user",
        "used_at",
        _forget_who,
        note=_("The sums stay, as nobody's."),
    ),
)
