"""Handing over what somebody kept when they leave, and making one account of two of the same person's.

Both show first what would move (``plan``), and then move all of it in one transaction or nothing. Nothing is deleted:
the account that was merged stays, shut and empty, as the name of what it did in the audit log.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import ApiKey, Group, User
from accounts.people.belongings import Had, had_by
from accounts.people.people import tell_access_ended
from accounts.programs.keys import revoke_key
from accounts.roles import check_may_rule, keep_an_administrator
from accounts.sealed.person_keys import move_keys
from app.errors import BadInputError, ConflictError


def hand_over(*, actor: User | str, person: User, to: User) -> list[Had]:
    """Everything that is work goes from ``person`` to ``to``, who has to be allowed to keep it.

    Raises BadInputError when it is the same person, ConflictError when ``to`` may not keep a kind of it.
    """
    _check(actor, person, to)
    with transaction.atomic():
        _lock(person, to)
        moved = _move(person, to, had_by(person, to=to, only_work=True))
        payload = {"to": str(to.pk), "moved": {one.kind.name: one.count for one in moved}}
        audit.record(actor=actor, action="account.hand_over", obj=person, payload=payload)
    return moved


def merge_people(*, actor: User, person: User, into: User) -> list[Had]:
    """Everything of ``person`` goes to ``into``: work, conversations, groups. ``person`` is shut, and their keys end.

    Roles do not move: what somebody may do is given by a person, never by accident. Raises as ``hand_over``.
    """
    _check(actor, person, into)
    if actor == person:
        raise BadInputError("You cannot merge away the account you are using.")
    if actor == into:
        raise BadInputError(
            "You cannot merge somebody's conversations into your own account. Ask another administrator."
        )
    with transaction.atomic():
        keep_an_administrator(person)
        _lock(person, into)
        moved = _move(person, into, had_by(person, to=into, only_work=False))
        move_keys(person, into)
        groups = list(Group.objects.filter(members=person, external_id=""))
        into.groups_joined.add(*groups)
        person.groups_joined.clear()
        for key in ApiKey.objects.live().filter(user=person).select_related("user"):
            revoke_key(actor=actor, key=key)
        now = timezone.now()
        shut = {"is_active": False, "suspended_at": now, "merged_into": into, "suspended_reason": "Merged."}
        User.objects.filter(pk=person.pk).update(**shut)
        payload = {
            "into": str(into.pk),
            "moved": {one.kind.name: one.count for one in moved},
            "groups": [str(group.pk) for group in groups],
        }
        audit.record(actor=actor, action="account.merge", obj=person, payload=payload)
        tell_access_ended(person)
    person.refresh_from_db()
    return moved


def _check(actor: User | str, person: User, to: User) -> None:
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer", person)
    check_may_rule(actor, person)
    check_may_rule(actor, to)
    if person.pk == to.pk:
        raise BadInputError("Choose somebody else: this is the same account.")
    if not to.is_active:
        raise BadInputError(f"{to} is suspended, and can be given nothing.")


def _lock(*people: User) -> None:
    list(User.objects.select_for_update().filter(pk__in=[one.pk for one in people]).order_by("pk"))


def _move(person: User, to: User, had: list[Had]) -> list[Had]:
    for one in had:
        if not one.can_take:
            raise ConflictError(
                f"{to} has no role to keep this: {one.kind.name}. Give them one first, or choose another."
            )
    return [Had(one.kind, one.kind.move(person, to)) for one in had]
