"""What Parley holds of a person, told by the packages that keep it: to be counted, shown to them, and erased.

Each package names what it has (``hold``) when it starts, as with ``accounts.people.belongings``. A test compares that
with every column that can take somebody's words, so that a new one is not forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from accounts.models import User


@dataclass(frozen=True)
class Holding:
    """One kind of thing. ``name`` and ``stays`` are English.

    ``erase`` takes a person and how many at most, does that many within the caller's transaction, and says how many;
    0 when nothing is left. It is done again after a crash, so what it did it must not find again. ``stays`` says what
    is not erased, and why; with ``erase`` besides, what remains of it. ``kind`` is what rules of retention call it.
    What is not ``is_told`` stands on no page of the person's own; ``seen`` counts what of it they are shown, where that
    is less than there is: nobody must tell from what stays after they deleted it that a legal hold is on them.
    """

    name: str
    count: Callable[[User], int]
    erase: Callable[[User, int], int] | None = None
    stays: str = ""
    kind: str = ""
    is_told: bool = True
    seen: Callable[[User], int] | None = None

    @property
    def goes(self) -> bool:
        """Whether erasing somebody erases it, or what of it is theirs. Templates must not call ``erase``."""
        return self.erase is not None


def rows_of(
    name: str,
    rows: Callable[[User], QuerySet[Any]],
    *,
    kind: str = "",
    seen: Callable[[User], int] | None = None,
) -> Holding:
    """Rows that go as they are."""

    def erase(person: User, at_most: int) -> int:
        found = rows(person)
        ids = list(found.order_by("pk").values_list("pk", flat=True)[:at_most])
        found.model._default_manager.filter(pk__in=ids).delete()
        return len(ids)

    return Holding(name, lambda person: rows(person).count(), erase, kind=kind, seen=seen)


@dataclass(frozen=True)
class Held:
    """How many of a kind Parley holds of somebody."""

    holding: Holding
    count: int


@dataclass
class _Known:
    holdings: list[Holding] = field(default_factory=list)


_known = _Known()


def hold(*holdings: Holding) -> None:
    """Have these counted and erased. Called once when a package starts."""
    names = {holding.name for holding in holdings}
    _known.holdings = [*(one for one in _known.holdings if one.name not in names), *holdings]


def holdings() -> list[Holding]:
    return list(_known.holdings)


def held_of(person: User) -> list[Held]:
    """What Parley holds of somebody, without what there is none of."""
    counted = (Held(holding, holding.count(person)) for holding in holdings())
    return [one for one in counted if one.count]


def told_to(person: User) -> list[Held]:
    """The same as its person is shown it."""
    told = (holding for holding in holdings() if holding.is_told)
    counted = (Held(holding, (holding.seen or holding.count)(person)) for holding in told)
    return [one for one in counted if one.count]
