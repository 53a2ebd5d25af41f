"""Erasing a person: asked for, declined, begun. What is erased and how is told in ``accounts.erasing.holdings``.

What others need is handed over first; where nobody is named to take it, the deed is refused and says what it is. The
account is shut for good before anything goes. Everything else is the worker's (``working``), which can be killed at any
moment and goes on where it was.
"""

from __future__ import annotations

from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.erasing.standing import accounts_of, was_erased
from accounts.models import Erasure, User
from accounts.people.belongings import outliving
from accounts.people.handing_over import hand_over
from accounts.people.people import tell_access_ended
from accounts.retention.holding import check_not_held, is_held
from accounts.roles import check_may_rule, keep_an_administrator
from accounts.sealed.person_keys import destroy_key
from accounts.tasks import erase_soon
from app.errors import BadInputError, ConflictError, NotAllowedError

REASON = "Is being erased."


def ask_erasure(*, actor: User, typed: str) -> Erasure:
    """Ask that one's own account be erased. Where the house lets people do it themselves, it begins at once.

    ``typed`` is one's e-mail address, to show that one means it. Raises BadInputError when it is not, NotAllowedError
    where the house wants none of it, ConflictError when it was asked for already.
    """
    if settings.ACCOUNT_DELETION == "off":
        raise NotAllowedError("Accounts are deleted by administrators here. Ask one of them.")
    _check_typed(actor, typed)
    if settings.ACCOUNT_DELETION == "self" and not is_held(actor) and not outliving(actor):
        return begin_erasure(actor=actor, person=actor, typed=typed)
    try:
        with transaction.atomic():
            erasure = Erasure.objects.create(person=actor, state=Erasure.State.ASKED)
            audit.record(actor=actor, action="account.erase_ask", obj=actor, payload={"erasure": erasure.pk})
    except IntegrityError as error:
        raise ConflictError("You have asked already. An administrator will see to it.") from error
    return erasure


def decline_erasure(*, actor: User, erasure: Erasure) -> None:
    """Not now; whoever asked took it back, or may not. Raises ConflictError when it is no longer only asked for."""
    if actor.pk != erasure.person_id:
        rights.require(actor, "accounts.administer", erasure.person)
        check_may_rule(actor, erasure.person)
    with transaction.atomic():
        asked = Erasure.objects.filter(pk=erasure.pk, state=Erasure.State.ASKED)
        if not asked.update(state=Erasure.State.DECLINED, ended_at=timezone.now()):
            raise ConflictError("This was decided meanwhile.")
        audit.record(actor=actor, action="account.erase_decline", obj=erasure.person, payload={"erasure": erasure.pk})


def begin_erasure(*, actor: User | str, person: User, typed: str, to: User | None = None) -> Erasure:
    """Shut the account for good, destroy its keys, and have a worker erase it. What is under way goes on.

    ``typed`` is the person's e-mail address. ``to`` takes what others need of theirs. Raises BadInputError for another
    address, ConflictError while they are held, not suspended, the last administrator, or keep what nobody takes.
    """
    if found := Erasure.objects.under_way().filter(person=person).first():
        return found
    _check(actor, person, typed)
    with transaction.atomic():
        if to is not None:
            hand_over(actor=actor, person=person, to=to)
        _check_nothing_is_left_behind(person)
        keep_an_administrator(person)
        shut = {"is_active": False, "suspended_reason": REASON, "suspended_at": timezone.now()}
        User.objects.filter(pk__in=[one.pk for one in accounts_of(person)]).update(**shut)
        begun = {
            "state": Erasure.State.RUNNING,
            "begun_by": actor if isinstance(actor, User) else None,
            "begun_at": timezone.now(),
        }
        erasure, _ = Erasure.objects.update_or_create(person=person, state=Erasure.State.ASKED, defaults=begun)
        destroyed = sum(destroy_key(actor, one) for one in accounts_of(person))
        payload = {"erasure": erasure.pk, "keys": destroyed, "to": str(to.pk) if to else ""}
        audit.record(actor=actor, action="account.erase_begin", obj=person, payload=payload)
        for one in accounts_of(person):
            tell_access_ended(one)
        if isinstance(actor, User):  # a command does it itself
            transaction.on_commit(partial(erase_soon, erasure.pk))
    return erasure


def _check(actor: User | str, person: User, typed: str) -> None:
    if isinstance(actor, User) and actor != person:
        rights.require(actor, "accounts.administer", person)
        check_may_rule(actor, person)
        if person.is_active:
            raise ConflictError(f"Suspend {person} first. Then nobody is erased by mistake while they work.")
    if actor == person and settings.ACCOUNT_DELETION != "self":
        raise NotAllowedError("Nobody erases themselves here. Ask another administrator.")
    _check_typed(person, typed)
    if person.is_service:
        raise BadInputError("This account is a program's. End the program instead.")
    if was_erased(person):
        raise ConflictError(f"{person} was erased already.")
    for one in accounts_of(person):
        check_not_held(one)


def _check_typed(person: User, typed: str) -> None:
    if typed.strip().casefold() != person.email.casefold():
        raise BadInputError(f"Write the e-mail address to confirm: {person.email}.")


def _check_nothing_is_left_behind(person: User) -> None:
    left = {had.kind.name: had.count for had in outliving(person)}
    if left:
        what = ", ".join(f"{name}: {count}" for name, count in left.items())
        raise ConflictError(f"Others still need what {person} keeps ({what}). Name somebody who takes it.")
