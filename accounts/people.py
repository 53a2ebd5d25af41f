"""Accounts and groups: made, given work to do, suspended. Nobody is deleted here: what they did must stay attributable.

``actor`` is an administrator, or the name of a command that somebody with the machine in hand ran (``"system"``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts import audit, devices, rights
from accounts.models import Group, Role, User
from accounts.signals import access_ended
from app.errors import BadInputError, ConflictError


def create_person(
    *, actor: User | str, email: str, password: str | None, name: str = "", roles: Sequence[str] = (Role.EMPLOYEE,)
) -> User:
    """An account. Without a password there is no signing in by one.

    Raises BadInputError for an unknown role or a weak password, ConflictError when the address is taken.
    """
    _check_right(actor)
    roles = _checked_roles(roles)
    user = User(email=User.objects.normalize_email(email), name=name, roles=roles, is_staff=Role.ADMIN in roles)
    if password is not None:
        _check_password(password, user)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
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
    """These roles and no others. Raises BadInputError for an unknown one."""
    _check_right(actor, user)
    roles = _checked_roles(roles)
    with transaction.atomic():
        before = User.objects.select_for_update().get(pk=user.pk).roles
        user.roles, user.is_staff = roles, Role.ADMIN in roles
        user.save(update_fields=["roles", "is_staff"])
        audit.record(
            actor=actor, action="account.assign_roles", obj=user, payload={"before": sorted(before), "after": roles}
        )
        tell_access_ended(user)


def suspend_person(*, actor: User | str, user: User) -> None:
    """Shut the account: its sessions and keys end with the next thing they try. Raises BadInputError for one's own."""
    _check_right(actor, user)
    if actor == user:
        raise BadInputError("You cannot suspend yourself. Ask another administrator.")
    _set_active(actor, user, is_active=False)


def reinstate_person(*, actor: User | str, user: User) -> None:
    """Open the account again, with its roles and groups as they were."""
    _check_right(actor, user)
    _set_active(actor, user, is_active=True)


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


def create_group(*, actor: User | str, name: str, members: Iterable[User] = ()) -> Group:
    """Raises ConflictError when there is a group of that name."""
    _check_right(actor)
    try:
        with transaction.atomic():
            group = Group.objects.create(name=name)
            group.members.set(members)
            audit.record(actor=actor, action="group.create", obj=group, payload={"members": _ids(group)})
    except IntegrityError as error:
        raise ConflictError(f"There is a group named {name} already.") from error
    return group


def set_members(*, actor: User | str, group: Group, members: Iterable[User]) -> None:
    """These people and no others."""
    _check_right(actor)
    with transaction.atomic():
        group.members.set(members)
        audit.record(actor=actor, action="group.set_members", obj=group, payload={"members": _ids(group)})


def _set_active(actor: User | str, user: User, *, is_active: bool) -> None:
    action = "account.reinstate" if is_active else "account.suspend"
    with transaction.atomic():
        if User.objects.filter(pk=user.pk, is_active=not is_active).update(is_active=is_active):
            audit.record(actor=actor, action=action, obj=user)
            if not is_active:
                tell_access_ended(user)
    user.is_active = is_active


def _check_right(actor: User | str, obj: User | None = None) -> None:
    if isinstance(actor, User):
        rights.require(actor, "accounts.administer", obj)


def _checked_roles(roles: Sequence[str]) -> list[str]:
    if unknown := set(roles) - set(Role.values):
        raise BadInputError(f"There is no role {', '.join(sorted(unknown))}; there are {', '.join(Role.values)}.")
    return sorted(str(role) for role in set(roles))


def _check_password(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise BadInputError(" ".join(error.messages)) from error


def _ids(group: Group) -> list[str]:
    return [str(pk) for pk in group.members.order_by("pk").values_list("pk", flat=True)]
