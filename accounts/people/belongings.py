"""What belongs to people, told by the packages that keep it, so that nothing is lost when somebody leaves.

Each package names what it has (``keep``) when it starts, as it tells what waits to the bar. Work (sources, assistants,
shared prompts, cases) can be handed over to somebody else; what is personal (conversations, files, tags) moves only
when two accounts of one person become one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from accounts.models import User


@dataclass(frozen=True)
class Kind:
    """One kind of thing. ``name`` is English; ``count`` says how many somebody has; ``move`` gives them all to another
    within a transaction and says how many moved. ``needs`` is what their new owner has to hold, or "". What
    ``outlives`` its owner cannot be left to nobody: somebody takes it before they are erased.
    """

    name: str
    count: Callable[[User], int]
    move: Callable[[User, User], int]
    is_work: bool
    needs: str = ""
    outlives: bool = False


@dataclass(frozen=True)
class Had:
    """How many of a kind somebody has; whether another could take them."""

    kind: Kind
    count: int
    can_take: bool = True


@dataclass
class _Known:
    kinds: list[Kind] = field(default_factory=list)


_known = _Known()


def keep(*kinds: Kind) -> None:
    """Have these looked after. Called once when a package starts; the lower packages come first."""
    names = {kind.name for kind in kinds}
    _known.kinds = [*(kind for kind in _known.kinds if kind.name not in names), *kinds]


def had_by(person: User, *, to: User | None = None, only_work: bool) -> list[Had]:
    """What somebody has, without what there is none of."""
    had = []
    for kind in _known.kinds:
        if kind.is_work or not only_work:
            count = kind.count(person)
            if count:
                takes = to is None or not kind.needs or (to.is_active and kind.needs in to.capabilities)
                had.append(Had(kind, count, takes))
    return had


def outliving(person: User) -> list[Had]:
    """What of somebody others still need when they are gone."""
    return [had for had in had_by(person, only_work=True) if had.kind.outlives]
