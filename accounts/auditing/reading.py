"""Reads of the audit log for those who may: chosen by person, deed, object, outcome, request and time.

Looking is itself an event, one for every look, with what was looked for and not what was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware

from accounts import audit, rights
from accounts.models import AuditEvent, Group, User
from accounts.models.directory import SCIM
from app.errors import BadInputError
from app.web.paging import Page, newest_first

DEFAULT_DAYS = 7
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which events; what is empty does not matter. Days are UTC's, both included.

    ``actor`` is a person's id or e-mail address, or ``system``; ``action`` and ``object`` that end in ``.`` and ``:``
    choose all that begin so.
    """

    actor: str = ""
    action: str = ""
    object: str = ""
    outcome: str = ""
    request: str = ""
    since: date | None = None
    until: date | None = None

    @property
    def query(self) -> str:
        """The part of an address that says this choice."""
        return urlencode(self.said())

    def said(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items() if value}

    def without(self, name: str) -> Chosen:
        empty = None if name in ("since", "until") else ""
        return replace(self, **{name: empty})  # type: ignore[arg-type]


def read_chosen(query: Mapping[str, str]) -> Chosen:
    """From an address. Raises BadInputError for what is no day, too long, or the wrong way round."""
    words = {each.name: query.get(each.name, "").strip() for each in fields(Chosen)}
    for name, value in words.items():
        if len(value) > _LONGEST or "\0" in value:
            raise BadInputError(f"`{name}` is at most {_LONGEST} plain characters.")
    since, until = _day(words.pop("since")), _day(words.pop("until"))
    if since and until and since > until:
        raise BadInputError("The first day is after the last one. Choose them the other way round.")
    return Chosen(**words, since=since, until=until)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadInputError(f"{text!r} is not a day such as 2026-01-31.") from error


def events_of(chosen: Chosen) -> QuerySet[AuditEvent]:
    found = AuditEvent.objects.all()
    if chosen.since:
        found = found.filter(at__gte=datetime.combine(chosen.since, time(), UTC))
    if chosen.until:
        # Up to the last moment of the day, because there may be no day after it.
        found = found.filter(at__lte=datetime.combine(chosen.until, time.max, UTC))
    if chosen.actor:
        found = found.filter(actor__in=_actors(chosen.actor))
    found = found.filter(_named("action", chosen.action, "."), _named("object", chosen.object, ":"))
    if chosen.outcome:
        found = found.filter(outcome=chosen.outcome)
    return found.filter(request_id=chosen.request) if chosen.request else found


def _actors(text: str) -> list[str]:
    """How the log names whom this text means: an address, an id, a name in full, or what acts by itself."""
    matching = Q(email__iexact=text) if "@" in text else Q(name__iexact=text)
    people = [str(pk) for pk in User.objects.filter(matching).values_list("pk", flat=True)[:20]]
    return [*people, *(f"{SCIM}:{pk}" for pk in people), text]


def _named(name: str, text: str, end: str) -> Q:
    if not text:
        return Q()
    return Q(**{f"{name}__startswith" if text.endswith(end) else name: text})


def read_events(
    *, actor: User, chosen: Chosen, after: str | None = None, limit: int = 50, cursor: str | None = None
) -> Page[AuditEvent]:
    """A page of events, newest first; the look is recorded after it, so that it does not see itself.

    ``after``: a time or an event's id; only later ones. Raises BadInputError when it is neither.
    """
    rights.require(actor, "audit.read")
    found = events_of(chosen)
    if after:
        found = found.filter(_later_than(after))
    with transaction.atomic():
        page = newest_first(found, by="at", limit=limit, cursor=cursor)
        record_look(actor, chosen.said() | ({"after": after} if after else {}))
    return page


def _later_than(after: str) -> Q:
    moment = _find_moment(after)
    if moment is not None:
        return Q(at__gt=moment)
    event = AuditEvent.objects.filter(pk=after).first() if _is_id(after) else None
    if event is None:
        raise BadInputError("`after` is a time such as 2026-01-31T08:00:00Z, or the id of an event.")
    return Q(at__gt=event.at) | Q(at=event.at, pk__gt=event.pk)


def _find_moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text.replace(" ", "+"))  # a "+" in a query string arrives as a space
        if moment and is_naive(moment):
            moment = make_aware(moment)
        # In UTC, because PostgreSQL refuses offsets that Python takes.
        return moment and moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def record_look(actor: User, looked_for: dict[str, str], action: str = "audit.read") -> None:
    """What was looked for, without addresses: they are personal."""
    payload = {name: audit.digest(value) if "@" in value else value for name, value in looked_for.items()}
    audit.record(actor=actor, action=action, payload=payload)


def names_of(events: Iterable[AuditEvent]) -> dict[str, str]:
    """Of the people and groups that these events speak of, by how the log names them (``user:ID`` as an object)."""
    events = list(events)
    named = ((event.actor.removeprefix(f"{SCIM}:"), event.object.removeprefix("user:")) for event in events)
    people = {key for keys in named for key in keys if _is_id(key)}
    names: dict[str, str] = {}
    for person in User.objects.filter(pk__in=people).only("name", "email"):
        names[str(person.pk)] = names[f"user:{person.pk}"] = str(person)
        names[f"{SCIM}:{person.pk}"] = f"{person} (SCIM)"
    groups = {event.object.removeprefix("group:") for event in events if event.object.startswith("group:")}
    for group in Group.objects.filter(pk__in=[key for key in groups if _is_id(key)]):
        names[f"group:{group.pk}"] = group.name
    return names


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def default_since(now: datetime) -> date:
    return now.date() - timedelta(days=DEFAULT_DAYS - 1)
