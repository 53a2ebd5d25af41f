"""Which assistants there are to limit a program to: known to a package above, which says so here when it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from accounts.models import User
from app.errors import BadInputError

# Of a person: those they may use; of None: all there are. With their names, in the order to show.
Teller = Callable[[User | None], list[tuple[UUID, str]]]
_tellers: list[Teller] = []


def tell_with(teller: Teller) -> None:
    _tellers[:] = [teller]


def assistants_for(user: User | None) -> list[tuple[UUID, str]]:
    """Ids and names of the assistants that this person may use; without a person, of all."""
    return [one for teller in _tellers for one in teller(user)]


def check_assistants(user: User | None, wanted: Sequence[UUID] | None) -> None:
    """Raises BadInputError for an empty choice, or one that this person may not use."""
    if wanted is None:
        return
    if not wanted:
        raise BadInputError("Choose at least one assistant, or all of them.")
    if set(wanted) - {pk for pk, _ in assistants_for(user)}:
        raise BadInputError("One of these assistants is not there for you. Choose among those you may use.")


def names_of(ids: Sequence[UUID] | None) -> list[str]:
    """Names of those that are still there."""
    if ids is None:
        return []
    return [name for pk, name in assistants_for(None) if pk in set(ids)]
