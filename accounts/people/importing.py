"""Many people at once, from a table: what would happen to each line, and then exactly that or nothing.

The columns are ``email``, ``name``, ``roles`` and ``groups`` (several parted by ";"). A column that is left out, and a
cell that is empty, leaves things as they are. Somebody new is invited. Nobody is suspended for not being in it.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts import audit, rights
from accounts.models import Group, Role, User
from accounts.people.groups import set_groups_of
from accounts.people.inviting import invite_person
from accounts.people.people import assign_roles, checked_address, rename_person
from accounts.roles import capabilities_of, check_may_give, check_may_rule, role_names
from app.errors import BadInputError, ConflictError, ParleyError

COLUMNS = ("email", "name", "roles", "groups")
MOST_LINES = 2000
MOST_CHARACTERS = 500_000


@dataclass
class Line:
    """One line of the table. ``does`` is invite, change, nothing or wrong; ``says`` are words for what would change, or
    what is wrong."""

    number: int
    email: str
    does: str = "nothing"
    says: list[str] = field(default_factory=list)
    person: User | None = None
    name: str = ""
    roles: list[str] | None = None
    groups: list[Group] | None = None


def plan(*, actor: User, table: str) -> list[Line]:
    """What would happen to each line; nothing does. Raises BadInputError where it is no such table at all."""
    rights.require(actor, "accounts.administer")
    rows = list(_rows(table))
    addresses = [row["email"].strip().lower() for row in rows]
    known = {user.email.lower(): user for user in _people(addresses)}
    reading = _Reading(actor, known, _by_name(role_names()), {one.name.casefold(): one for one in Group.objects.all()})
    times = Counter(addresses)
    lines = []
    for number, row in enumerate(rows, 2):
        line = Line(number, row["email"].strip())
        try:
            if times[line.email.lower()] > 1:
                raise BadInputError("This address is in the table more than once.")
            reading.fill(line, row)
        except ParleyError as error:
            line.does, line.says = "wrong", [error.message]
        lines.append(line)
    return lines


def import_people(*, actor: User, table: str) -> list[Line]:
    """Do what ``plan`` says, all of it or nothing. Raises BadInputError while a line is wrong."""
    with transaction.atomic():
        lines = plan(actor=actor, table=table)
        if wrong := [str(line.number) for line in lines if line.does == "wrong"]:
            raise BadInputError(f"Nothing was done: mend line {', '.join(wrong[:10])} first.")
        for line in lines:
            _do(actor, line)
        counted = {does: sum(line.does == does for line in lines) for does in ("invite", "change", "nothing")}
        audit.record(actor=actor, action="people.import", payload=counted)
    return lines


def _do(actor: User, line: Line) -> None:
    if line.does == "invite":
        invite_person(
            actor=actor,
            email=line.email,
            name=line.name,
            roles=line.roles or [Role.EMPLOYEE],
            groups=line.groups or [],
        )
    elif line.does == "change" and line.person is not None:
        if line.name and line.name != line.person.name:
            rename_person(actor=actor, user=line.person, name=line.name)
        if line.roles is not None and line.roles != sorted(line.person.roles):
            assign_roles(actor=actor, user=line.person, roles=line.roles)
        if line.groups is not None:
            set_groups_of(actor=actor, person=line.person, groups=line.groups)


@dataclass
class _Reading:
    """What lines are compared with, looked up once for all."""

    actor: User
    known: Mapping[str, User]
    roles: Mapping[str, str]
    groups: Mapping[str, Group]

    def fill(self, line: Line, row: Mapping[str, str]) -> None:
        line.email = checked_address(line.email)
        line.person = self.known.get(line.email.lower())
        line.name = " ".join((row.get("name") or "").split())[:120]
        line.roles = self._named(row.get("roles"), self.roles, "role")
        line.groups = self._named(row.get("groups"), self.groups, "group")
        if line.roles is not None:
            line.roles = sorted(line.roles)
            check_may_give(self.actor, capabilities_of(line.roles))
        if line.groups and (filled := [group.name for group in line.groups if group.external_id]):
            raise ConflictError(f"A directory fills {filled[0]}. Change it there.")
        if line.person is None:
            line.does = "invite"
            line.says = [*(line.roles or [Role.EMPLOYEE.value]), *(group.name for group in line.groups or [])]
            return
        check_may_rule(self.actor, line.person)
        line.says = list(self._changes(line, line.person))
        line.does = "change" if line.says else "nothing"

    def _changes(self, line: Line, person: User) -> Iterator[str]:
        if line.name and line.name != person.name:
            yield f"{person.name or '–'} → {line.name}"
        if line.roles is not None and line.roles != sorted(person.roles):
            yield f"{', '.join(sorted(person.roles)) or '–'} → {', '.join(line.roles) or '–'}"
        if line.groups is not None:
            now = sorted(group.name for group in person.groups_joined.all() if not group.external_id)
            wanted = sorted(group.name for group in line.groups)
            if now != wanted:
                yield f"{', '.join(now) or '–'} → {', '.join(wanted) or '–'}"

    @staticmethod
    def _named(cell: str | None, known: Mapping[str, Any], kind: str) -> list[Any] | None:
        """What the cell names; None for an empty one, which leaves things as they are."""
        names = [name.strip() for name in (cell or "").split(";") if name.strip()]
        if not names:
            return None
        if unknown := [name for name in names if name.casefold() not in known]:
            raise BadInputError(f"There is no {kind} called {unknown[0]}.")
        return [known[name.casefold()] for name in names]


def _rows(table: str) -> list[dict[str, str]]:
    if len(table) > MOST_CHARACTERS or "\0" in table:
        raise BadInputError("This table is too large, or no text. Import a part of it at a time.")
    text = table.removeprefix("\ufeff").strip()
    head = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",")
    columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
    if "email" not in columns or set(columns) - set(COLUMNS):
        raise BadInputError(f"The first line has to name the columns: email, and of {', '.join(COLUMNS[1:])} any.")
    reader.fieldnames = columns
    try:
        rows = [{name: value or "" for name, value in row.items() if name in COLUMNS} for row in reader]
    except csv.Error as error:
        raise BadInputError("This is not a table of comma-separated values.") from error
    if not rows or len(rows) > MOST_LINES:
        raise BadInputError(f"A table has 1 to {MOST_LINES} people.")
    return rows


def _people(addresses: list[str]) -> QuerySet[User]:
    lowered = User.objects.annotate(address=Lower("email"))
    return lowered.filter(address__in=addresses).prefetch_related("groups_joined")


def _by_name(roles: Mapping[str, str]) -> dict[str, str]:
    """Roles by their slugs and their names."""
    return {name.casefold(): slug for slug, name in roles.items()} | {slug.casefold(): slug for slug in roles}
