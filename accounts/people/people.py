"""Accounts: made, given work to do, suspended. Nobody is deleted here: what they did must stay attributable.

``actor`` is an administrator, or the name of a command that somebody with the machine in hand ran (``"system"``). Who
may give what to whom is decided in ``accounts.roles``; groups have ``accounts.people.groups``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import Erasure, Role, User
from accounts.roles import capabilities_of, check_may_give, check_may_rule, checked_roles, keep_an_administrator
from accounts.signals import access_ended
from accounts.signing_in import devices
from app.errors import BadInputError, ConflictError


def create_person(
    *, actor: User | str, email: str, password: str | None, name: str = "", roles: Sequence[str] = (Role.EMPLOYEE,)
) -> User:
    """An account. Without a password there is no signing in by one.

    Raises BadInputError for an unknown role or a weak password, ConflictError when the address is taken.
    """
    _check_right(actor)
    roles = checked_roles(roles)
    check_may_give(actor, capabilities_of(roles))
    user = User(email=User.objects.normalize_email(email), name=name, roles=roles, is_staff=Role.ADMIN in roles)
    if password is not None:
        check_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            user.refresh_from_db(fields=["granted"])
            audit.record(actor=actor, action="account.create", obj=user, payload={"roles": roles})
    except IntegrityError as error:
        raise ConflictError(f"There is an account for {email} already.") from error
    return user


def create_first_administrator(*, email: str, password: str, name: str = "") -> User:
    """Whoever keeps a Parley that has nobody yet. Raises ConflictError when there is anybody."""
    with transaction.atomic(), connection.cursor() as cursor:
        # One at a time: two who hold the same link must not both become it.
        cursor.execute("select pg_advisory_xact_lock(hashtext('parley first administrator'))")
        if User.objects.exists():
            raise ConflictError("There are accounts already. Ask an administrator for one.")
        roles = (Role.EMPLOYEE, Role.ADMIN)
        return create_person(actor=audit.SYSTEM, email=email, password=password, name=name, roles=roles)


def assign_roles(*, actor: User | str, user: User, roles: Sequence[str]) -> None:
    """These roles and no others. Raises BadInputError for an unknown one, NotAllowedError for what is not ``actor``'s
    to give or take, and ConflictError when nobody would be left to administer.
    """
    _check_right(actor, user)
    roles = checked_roles(roles)
    check_may_rule(actor, user)
    check_may_give(actor, capabilities_of(roles))
    with transaction.atomic():
        if Role.ADMIN not in roles:
            keep_an_administrator(user)
        before = User.objects.select_for_update().get(pk=user.pk).roles
        user.roles, user.is_staff = roles, Role.ADMIN in roles
        user.save(update_fields=["roles", "is_staff"])
        user.refresh_from_db(fields=["granted"])
        audit.record(
            actor=actor, action="account.assign_roles", obj=user, payload={"before": sorted(before), "after": roles}
        )
        tell_access_ended(user)


def suspend_person(*, actor: User | str, user: User, reason: str = "") -> None:
    """Shut the account: its sessions and keys end with the next thing they try.

    Raises BadInputError for one's own, and ConflictError for the last administrator's.
    """
    _check_right(actor, user)
    if actor == user:
        raise BadInputError("You cannot suspend yourself. Ask another administrator.")
    check_may_rule(actor, user)
    _set_active(actor, user, is_active=False, reason=reason)


def reinstate_person(*, actor: User | str, user: User, reason: str = "") -> None:
    """Open the account again, with its roles and groups as they were. Raises ConflictError for one that was merged."""
    _check_right(actor, user)
    check_may_rule(actor, user)
    if user.merged_into_id is not None:
        raise ConflictError("This account was merged into another one. What it had is there.")
    if user.erasures.filter(state__in=(Erasure.State.RUNNING, Erasure.State.DONE)).exists():
        raise ConflictError("This person was erased, or is being erased. Make a new account.")
    _set_active(actor, user, is_active=True, reason=reason)


def rename_person(*, actor: User | str, user: User, name: str) -> None:
    _check_right(actor, user)
    check_may_rule(actor, user)
    name = " ".join(name.split())
    if len(name) > 120:
        raise BadInputError("A name has at most 120 characters.")
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(name=name)
        audit.record(actor=actor, action="account.rename", obj=user, payload={"name": audit.digest(name)})
    user.name = name


def change_address(*, actor: User | str, user: User, email: str) -> None:
    """Another address to sign in with. Its sessions end: whoever has them proves anew that they are this person.

    Raises BadInputError for what is no address, ConflictError when it is somebody's.
    """
    _check_right(actor, user)
    check_may_rule(actor, user)
    email = checked_address(email)
    before = user.email
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(email=email, session_round=F("session_round") + 1)
            payload = {"before": audit.digest(before.lower()), "after": audit.digest(email.lower())}
            audit.record(actor=actor, action="account.change_address", obj=user, payload=payload)
            tell_access_ended(user)
    except IntegrityError as error:
        raise ConflictError(f"There is an account for {email} already.") from error
    user.email = email


def check_password(password: str, user: User) -> None:
    """Raises BadInputError for one that is too weak for this person."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInputError(" ".join(error.messages)) from error


def checked_address(email: str) -> str:
    """As it is kept. Raises BadInputError for what is no address."""
    email = User.objects.normalize_email(email.strip())
    try:
        validate_email(email)
    except ValidationError as error:
        raise BadInputError(f"{email or 'Nothing'} is not an e-mail address.") from error
    return email


def choose_reminders(*, actor: User, wanted: bool) -> None:
    """Whether one is reminded by e-mail of what waits; everybody chooses for themselves."""
    with transaction.atomic():
        User.objects.filter(pk=actor.pk).update(wants_reminders=wanted)
        audit.record(actor=actor, action="account.choose_reminders", obj=actor, payload={"wanted": wanted})
    actor.wants_reminders = wanted


def choose_language(*, actor: User, language: str) -> None:
    """The language one is spoken to in, on every device and by e-mail; "" leaves it to the browser.

    Raises BadInputError for one that Parley does not speak.
    """
    if language and language not in dict(settings.LANGUAGES):
        raise BadInputError(_("Parley does not speak this language. Choose one of the list."))
    with transaction.atomic():
        User.objects.filter(pk=actor.pk).update(language=language)
        audit.record(actor=actor, action="account.choose_language", obj=actor, payload={"language": language})
    actor.language = language


def tell_access_ended(user: User) -> None:
    """End every session of this person and, once the transaction is committed, have their open lines closed."""
    devices.forget_sessions(user)
    transaction.on_commit(partial(access_ended.send, sender=User, user_id=user.pk))


def forget_other_addresses(user: User) -> None:
    """Part of a deed: this person is known by the address of the account, and by no earlier one."""
    EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()


def _set_active(actor: User | str, user: User, *, is_active: bool, reason: str) -> None:
    action = "account.reinstate" if is_active else "account.suspend"
    reason = " ".join(reason.split())[:300]
    now = None if is_active else timezone.now()
    with transaction.atomic():
        if not is_active:
            keep_an_administrator(user)
        changed = {"is_active": is_active, "suspended_at": now, "suspended_reason": "" if is_active else reason}
        if User.objects.filter(pk=user.pk, is_active=not is_active).update(**changed):
            payload = {"reason": audit.digest(reason)} if reason else {}
            audit.record(actor=actor, action=action, obj=user, payload=payload)
            if not is_active:
                tell_access_ended(user)
    user.is_active = is_active


def _check_right(actor: User | str, obj: User | None = None) -> None:
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer", obj)
