"""What the page of a document shows its keeper: its versions, its passages, and what the checks found, with places.

Who keeps a source is not always among its readers; words of documents are for readers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from accounts.models import User
from app.errors import NotFoundError
from knowledge.models import Document, Passage, Source, Version
from knowledge.quality.findings import level
from knowledge.quality.lines import CHECKS

_AROUND = 60
_LONGEST = 200
SHOWN_PLACES = 4
_BULKY = ("text", "pages", "signature")


@dataclass(frozen=True)
class Place:
    """Words of a document that a finding is about, with what stands around them."""

    before: str
    found: str
    after: str


@dataclass(frozen=True)
class Shown:
    """A finding in words. ``holds`` when it is over the line; ``other`` is the version it was compared with."""

    check: str
    label: str
    level: str
    message: str
    holds: bool
    places: list[Place] = field(default_factory=list)
    more: int = 0
    hidden: list[str] = field(default_factory=list)
    other: Version | None = None


def versions_of(document: Document, *, before: int | None, limit: int) -> tuple[list[Version], int | None]:
    """Versions from the newest on, below number ``before``, and the number that the next page is below."""
    rows = document.versions.defer(*_BULKY).select_related("accepted_by").order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    found = list(rows[: limit + 1])
    return found[:limit], found[limit - 1].number if len(found) > limit else None


def passages_of(version: Version, *, after: int | None, limit: int) -> tuple[list[Passage], int | None]:
    """Passages in order after the ordinal ``after``, disabled ones too, and the ordinal that the next page is after."""
    rows = version.passages.select_related("disabled_by").defer("words").order_by("ordinal")
    if after is not None:
        rows = rows.filter(ordinal__gt=after)
    found = list(rows[: limit + 1])
    return found[:limit], found[limit - 1].ordinal if len(found) > limit else None


def find_judged_version(document: Document) -> Version | None:
    """The version whose report matters now: the one held, else the one in force, else the newest that was checked."""
    judged = document.versions.exclude(report={}).defer("pages", "signature").select_related("accepted_by")
    found = judged.filter(withdrawn_at=None).order_by("-number").first()
    return found or judged.order_by("-number").first()


def get_version_kept(user: User, version_id: UUID) -> Version:
    """A version, of whatever state, of a document this person keeps and may read. Raises NotFoundError."""
    version = _kept_and_read(user).filter(pk=version_id).first()
    if version is None:
        raise NotFoundError
    return version


def get_two_to_compare(user: User, first: UUID, second: UUID) -> tuple[Version, Version]:
    """Two versions with their texts: of documents this person keeps and reads; one may be what others keep and this
    person finds. Of one document the older comes first. Raises NotFoundError.
    """
    kept = set(_kept_and_read(user).filter(pk__in=[first, second]).values_list("pk", flat=True))
    found = Version.objects.in_force().filter(document__source__in=Source.objects.visible_to(user))
    known = Version.objects.filter(Q(pk__in=kept) | Q(pk__in=found.filter(pk__in=[first, second]).values("pk")))
    pair = {version.pk: version for version in known.select_related("document__source").defer("pages", "signature")}
    if not kept or {first, second} - set(pair) or first == second:
        raise NotFoundError
    one, other = pair[first], pair[second]
    is_backwards = one.document_id == other.document_id and one.number > other.number
    return (other, one) if is_backwards else (one, other)


def _kept_and_read(user: User) -> QuerySet[Version]:
    return Version.objects.filter(
        Q(document__source__in=Source.objects.editable_by(user)), document__source__in=Source.objects.visible_to(user)
    ).select_related("document__source")


def findings_of(version: Version, user: User, *, reads: bool) -> list[Shown]:
    """The findings of a version's report, those that hold it first; no words of it for who does not read them."""
    findings: list[dict[str, Any]] = version.report.get("findings", [])
    text = _without_secrets(version.text, findings) if reads else None
    others = _others(findings, user)
    shown = [_shown(one, text, one["check"] in version.report["holds"], others) for one in findings]
    return sorted(shown, key=lambda one: not one.holds)


def _others(findings: Sequence[dict[str, Any]], user: User) -> dict[str, Version]:
    """The versions that findings compare with, as far as this person may know of their documents."""
    ids = [one["detail"]["version"] for one in findings if "version" in one["detail"]]
    if not ids:
        return {}
    known = Version.objects.filter(pk__in=ids, document__in=Document.objects.visible_to(user))
    rows = known.select_related("document__source").defer(*_BULKY)
    return {str(version.pk): version for version in rows}


def _without_secrets(text: str, findings: Sequence[dict[str, Any]]) -> str:
    """The text with every secret that was found covered but for its beginning: enough to find it by."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(place for one in findings if one["check"] == "secrets" for place in one["places"]):
        shown = min(max(start, at) + 4, end)
        parts += [text[at:shown], "•" * (end - shown)]
        at = max(at, end)
    return "".join([*parts, text[at:]])


def _shown(finding: dict[str, Any], text: str | None, holds: bool, others: dict[str, Version]) -> Shown:
    check, places, detail = finding["check"], finding["places"], finding["detail"]
    return Shown(
        check=check,
        label=gettext(CHECKS[check].label),
        level=level(finding["severity"]),
        message=finding["message"],
        holds=holds,
        places=[] if text is None else [_place(text, *place) for place in places[:SHOWN_PLACES]],
        more=max(len(places) - SHOWN_PLACES, 0),
        hidden=[] if text is None else detail.get("hidden", []),
        other=others.get(detail.get("version", "")),
    )


def _place(text: str, start: int, end: int) -> Place:
    found = text[start:end]
    if len(found) > _LONGEST:
        found = f"{found[:_LONGEST]}…"
    before, after = text[max(start - _AROUND, 0) : start], text[end : end + _AROUND]
    return Place(
        f"{'…' if start > _AROUND else ''}{before}", found, f"{after}{'…' if end + _AROUND < len(text) else ''}"
    )
