"""Which accounts are one person's, and whether they are erased."""

from __future__ import annotations

from accounts.models import Erasure, User


def accounts_of(person: User) -> list[User]:
    """The account, and those that were merged into it: the same person's."""
    found, new = [person], [person]
    while new:
        known = [one.pk for one in found]
        new = list(User.objects.filter(merged_into__in=new).exclude(pk__in=known).order_by("pk"))
        found += new
    return found


def was_erased(person: User) -> bool:
    return Erasure.objects.filter(person=person, state=Erasure.State.DONE).exists()
