"""What rules of retention are about, told by the packages that keep it; and for how long each person's is kept.

Of several groups' rules the longest holds for a person; a group's rule holds instead of everybody's; without any,
things are kept until somebody deletes them. What is under a legal hold is never due.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_noop as _

from accounts.models import RetentionRule, User
from accounts.retention.holding import held_people


@dataclass(frozen=True)
class Kind:
    """Things that go when they are old enough. ``name``, ``since`` and ``note`` are English, for the pages.

    ``rows`` are all there are that may go; ``owner`` and ``at`` the fields that say whose they are and from when their
    days count. ``remove`` takes ids, within the caller's transaction, and says how many went. ``most`` is the longest
    that a rule can keep them, where something else removes them then.
    """

    slug: str
    name: str
    since: str
    rows: Callable[[], QuerySet[Any]]
    owner: str
    at: str
    remove: Callable[[Sequence[Any]], int]
    note: str = ""
    most: Callable[[], int] | None = None


@dataclass(frozen=True)
class Fixed:
    """What has its own end, or none: shown beside the rules."""

    name: str
    kept: str


@dataclass
class _Known:
    kinds: dict[str, Kind] = field(default_factory=dict)


_known = _Known()
FIXED = (
    Fixed(_("Exports of everything of one's own"), _("one day")),
    Fixed(_("Copies of answers for whoever comes back to them, in Valkey"), _("an hour after the last word")),
    Fixed(_("Files that no question went out with"), _("one day")),
    Fixed(_("Codes and tokens of programs"), _("some days after their end")),
    Fixed(_("Counts towards limits"), _("until their period is long over")),
    Fixed(
        _("The audit log"),
        _("for good: each event carries the hash of the one before, so none can be taken out. It has no words in it"),
    ),
)


def keep_for(*kinds: Kind) -> None:
    """Let there be rules about these. Called once when a package starts."""
    _known.kinds |= {kind.slug: kind for kind in kinds}


def kinds() -> list[Kind]:
    return list(_known.kinds.values())


def find_kind(slug: str) -> Kind | None:
    return _known.kinds.get(slug)


def ruled(kind: Kind) -> QuerySet[Any]:
    """All rows that a rule is about, with ``ends_at``: when it keeps them no more. Nothing under a legal hold."""
    rules = RetentionRule.objects.filter(kind=kind.slug)
    everybody = rules.filter(group=None).values_list("days", flat=True).first()
    of_groups = rules.filter(group__everybody=OuterRef(kind.owner)).order_by("-days").values("days")[:1]
    days = Coalesce(Subquery(of_groups), Value(everybody)) if everybody else Subquery(of_groups)
    kept = ExpressionWrapper(F("kept_days") * Value(timedelta(days=1)), output_field=DurationField())
    rows: QuerySet[Any] = kind.rows().annotate(kept_days=days).filter(kept_days__isnull=False)
    rows = rows.annotate(ends_at=ExpressionWrapper(F(kind.at) + kept, output_field=DateTimeField()))
    return rows.exclude(**{f"{kind.owner}__in": held_people()})


def due(kind: Kind, now: datetime) -> QuerySet[Any]:
    return ruled(kind).filter(ends_at__lt=now)


def days_for(person: User, kind: Kind) -> int | None:
    """For how long theirs are kept; None: until somebody deletes them."""
    rules = RetentionRule.objects.filter(kind=kind.slug)
    of_groups = rules.filter(group__everybody=person).order_by("-days").values_list("days", flat=True).first()
    return of_groups or rules.filter(group=None).values_list("days", flat=True).first()
