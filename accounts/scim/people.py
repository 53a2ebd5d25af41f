"""People as SCIM writes them, and what a directory may do with them.

A directory's word counts: who has its key says who is in the organisation and under which address. It does not count
against people here. Whom an administrator suspended stays so; the last administrator stays; the address of whoever
administers accounts is changed by hand, since with it comes their password. DELETE suspends: what somebody did must
stay attributable.

``caller`` is who has the key; the verbs, and the audit log, know it as ``scim:ID``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import rights
from accounts.models import Role, User
from accounts.models.directory import SCIM, DirectoryPerson
from accounts.people.people import (
    change_address,
    checked_address,
    create_person,
    reinstate_person,
    rename_person,
    suspend_person,
)
from accounts.scim import asking
from accounts.scim.described import USER, USER_IGNORED, USER_KEPT, location
from accounts.scim.errors import AlreadyThereError, ScimError
from accounts.scim.filters import is_storable
from accounts.scim.membership import leave_groups
from accounts.scim.patching import listed, patched
from accounts.scim.versions import check_version, version_of
from app.errors import BadInputError, ConflictError, NotAllowedError, NotFoundError

LEFT = "The directory says that they left."
Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What a directory says somebody is; ``active`` None where it does not say."""

    user_name: str
    external_id: str
    name: str
    given_name: str
    family_name: str
    email: str
    active: bool | None


def resource_of(person: Any) -> Json:
    """``person`` is a row of ``asking.people()``."""
    groups = [
        {"value": str(one.pk), "$ref": location("Groups", one.pk), "display": one.name, "type": "direct"}
        for one in sorted(person.scim_groups, key=lambda group: str(group.pk))
    ]
    parts = {"formatted": person.name, "givenName": person.scim_given_name, "familyName": person.scim_family_name}
    found: Json = {
        "schemas": [USER],
        "id": str(person.pk),
        "externalId": person.scim_external_id,
        "userName": person.scim_user_name,
        "name": {key: part for key, part in parts.items() if part},
        "displayName": person.name,
        "active": person.is_active,
        "emails": [{"value": person.email, "type": "work", "primary": True}],
        "groups": groups,
    }
    found = {key: value for key, value in found.items() if value not in ("", {}, [])}
    found["meta"] = {
        "resourceType": "User",
        "created": person.created_at.isoformat(),
        "lastModified": person.scim_changed_at.isoformat(),
        "location": location("Users", person.pk),
        "version": version_of(found),
    }
    return found


def get_person(caller: User, person_id: UUID) -> User:
    """A row with all that a resource needs. Raises NotFoundError."""
    rights.require(caller, "people.provision")
    person = asking.people().filter(pk=person_id).first()
    if person is None:
        raise NotFoundError
    return person


def make(*, caller: User, body: Json) -> User:
    """A new person, or one whom the directory deleted and has again under the same id.

    Raises AlreadyThereError for a name or an address that is somebody's.
    """
    rights.require(caller, "people.provision")
    wanted = read_person(body)
    with transaction.atomic():
        before = _find_deleted(wanted)
        if before is not None:
            DirectoryPerson.objects.filter(user=before).update(removed_at=None)
            _apply(caller, before, replace(wanted, active=wanted.active is not False))
            return get_person(caller, before.pk)
        _check_free(wanted)
        try:
            person = create_person(actor=actor_of(caller), email=wanted.email, password=None, name=wanted.name)
        except ConflictError as error:
            raise AlreadyThereError(error.message) from error
        DirectoryPerson.objects.create(user=person)
        _apply(caller, person, wanted)
        return get_person(caller, person.pk)


def put(*, caller: User, person_id: UUID, body: Json, version: str | None) -> User:
    """This person as the body says. ``version`` as If-Match has it; raises ChangedMeanwhileError."""
    rights.require(caller, "people.provision")
    return _change(caller, person_id, version, lambda before: read_person(body))


def patch(*, caller: User, person_id: UUID, body: Json, version: str | None) -> User:
    """The same by operations."""
    rights.require(caller, "people.provision")

    def read(before: Json) -> Wanted:
        after = patched(before, body, kept=USER_KEPT, ignored=USER_IGNORED)
        return _completed(read_person(after), before, after)

    return _change(caller, person_id, version, read)


def delete(*, caller: User, person_id: UUID, version: str | None) -> None:
    """Suspend them, and let the directory see them no more; what they did and kept stays."""
    rights.require(caller, "people.provision")
    with transaction.atomic():
        person = _locked(caller, person_id)
        check_version(resource_of(person), version)
        entry = _entry(person)
        leave_groups(actor_of(caller), person)
        _set_active(caller, person, entry, active=False)
        entry.removed_at = entry.changed_at = timezone.now()
        entry.save()


def actor_of(caller: User) -> str:
    """How the audit log names what a directory does by this person's key."""
    return f"{SCIM}:{caller.pk}"


def read_person(body: Json) -> Wanted:
    """Raises ScimError ``invalidValue`` where something of it cannot be."""
    user_name = text_of(body, "userName", 254)
    if not user_name:
        raise ScimError("A person needs a userName.", "invalidValue")
    name = part_of(body, "name")
    if not isinstance(name, dict | None):
        raise ScimError("name is an object.", "invalidValue")
    name = name or {}
    given, family = text_of(name, "givenName", 120), text_of(name, "familyName", 120)
    shown = text_of(body, "displayName", 120) or text_of(name, "formatted", 120) or f"{given} {family}".strip()
    return Wanted(
        user_name=user_name,
        external_id=text_of(body, "externalId", 254),
        name=" ".join(shown.split())[:120],
        given_name=given,
        family_name=family,
        email=_address(body, user_name),
        active=_active(part_of(body, "active")),
    )


def part_of(body: Mapping[str, Any], name: str) -> Any:
    """An attribute, in whatever case its name is written."""
    return next((value for key, value in body.items() if key.lower() == name.lower()), None)


def text_of(body: Mapping[str, Any], name: str, most: int) -> str:
    value = part_of(body, name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or not is_storable(value):
        raise ScimError(f"{name} is a text of at most {most} characters.", "invalidValue")
    return value.strip()


def _address(body: Json, user_name: str) -> str:
    """The primary one, else that of work, else the first; without any the userName, where it is one."""
    found = [one if isinstance(one, dict) else {"value": one} for one in listed(part_of(body, "emails"))]
    found = [one for one in found if text_of(one, "value", 254)]
    found.sort(key=lambda one: (part_of(one, "primary") not in (True, "True", "true"), part_of(one, "type") != "work"))
    try:
        return checked_address(text_of(found[0], "value", 254) if found else user_name)
    except BadInputError as error:
        raise ScimError(
            f"{error.message} A person needs an address among emails, or as userName.", "invalidValue"
        ) from error


def _active(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ScimError("active is true or false.", "invalidValue")


def _completed(wanted: Wanted, before: Json, after: Json) -> Wanted:
    """What follows from a part that was changed alone: the name shown from its parts, the address from the userName."""
    if after.get("displayName") == before.get("displayName"):
        was, now = before.get("name", {}), after.get("name", {})
        if part_of(now, "formatted") != part_of(was, "formatted"):
            wanted = replace(wanted, name=" ".join(text_of(now, "formatted", 120).split()))
        elif (wanted.given_name, wanted.family_name) != (was.get("givenName", ""), was.get("familyName", "")):
            old = f"{was.get('givenName', '')} {was.get('familyName', '')}".strip()
            if before.get("displayName", "") in ("", old):
                wanted = replace(wanted, name=f"{wanted.given_name} {wanted.family_name}".strip()[:120])
    was_address = before["emails"][0]["value"]
    is_renamed = wanted.user_name != before["userName"]
    if is_renamed and wanted.email == was_address == before["userName"] and "@" in wanted.user_name:
        wanted = replace(wanted, email=checked_address(wanted.user_name))
    return wanted


def _change(caller: User, person_id: UUID, version: str | None, read: Any) -> User:
    with transaction.atomic():
        person = _locked(caller, person_id)
        before = resource_of(person)
        check_version(before, version)
        wanted: Wanted = read(before)
        _check_free(wanted, besides=person)
        _apply(caller, person, wanted)
    return get_person(caller, person.pk)


def _locked(caller: User, person_id: UUID) -> User:
    """Nobody else changes them until the transaction ends."""
    User.objects.select_for_update().filter(pk=person_id).first()
    return get_person(caller, person_id)


def _entry(person: User) -> DirectoryPerson:
    return DirectoryPerson.objects.get_or_create(user=person)[0]


def _apply(caller: User, person: User, wanted: Wanted) -> None:
    """Only what differs, each by the verb that the pages use."""
    actor = actor_of(caller)
    _check_may_change(caller, person)
    entry = _entry(person)
    if wanted.email.casefold() != person.email.casefold():
        if "accounts.administer" in person.capabilities:
            raise NotAllowedError("The address of somebody who administers accounts is changed by hand, in Parley.")
        try:
            change_address(actor=actor, user=person, email=wanted.email)
        except ConflictError as error:
            raise AlreadyThereError(error.message) from error
    if wanted.name != person.name:
        rename_person(actor=actor, user=person, name=wanted.name)
    told = {
        "user_name": "" if wanted.user_name == wanted.email else wanted.user_name,
        "external_id": wanted.external_id,
        "given_name": wanted.given_name,
        "family_name": wanted.family_name,
    }
    differs = {key: value for key, value in told.items() if getattr(entry, key) != value}
    for key, value in differs.items():
        setattr(entry, key, value)
    entry.changed_at = timezone.now()
    if wanted.active is not None:
        _set_active(caller, person, entry, active=wanted.active)
    entry.save()


def _set_active(caller: User, person: User, entry: DirectoryPerson, *, active: bool) -> None:
    """Suspend; or have back whom the directory itself had suspended, and nobody else."""
    _check_may_change(caller, person)
    if not active and person.is_active:
        if caller.pk == person.pk:
            raise ConflictError("This is whose key the directory uses. Give it the key of an account of its own first.")
        suspend_person(actor=actor_of(caller), user=person, reason=LEFT)
        entry.suspended_by = SCIM
    elif active and not person.is_active and entry.suspended_by == SCIM:
        reinstate_person(actor=actor_of(caller), user=person)
        entry.suspended_by = ""


def _check_may_change(caller: User, person: User) -> None:
    if person.has_role(Role.ADMIN) and not caller.has_role(Role.ADMIN):
        raise NotAllowedError("This is an administrator, and the key is not an administrator's.")


def _check_free(wanted: Wanted, besides: User | None = None) -> None:
    """Raises AlreadyThereError where a name or an address is somebody else's, be they seen by the directory or not."""
    named = Q(email__iexact=wanted.email) | Q(directory_entry__user_name__iexact=wanted.user_name)
    named |= Q(email__iexact=wanted.user_name, directory_entry__user_name="")
    named |= Q(email__iexact=wanted.user_name, directory_entry=None)
    others = User.objects.filter(named)
    if (others.exclude(pk=besides.pk) if besides else others).exists():
        raise AlreadyThereError(f"There is an account for {wanted.email} or named {wanted.user_name} already.")


def _find_deleted(wanted: Wanted) -> User | None:
    """Whom the directory deleted, and has again: of the same id of its own. An address alone may be a new person's."""
    if not wanted.external_id:
        return None
    return (
        User.objects.select_for_update(of=("self",))
        .filter(directory_entry__removed_at__isnull=False, directory_entry__external_id=wanted.external_id)
        .filter(Q(email__iexact=wanted.email) | Q(directory_entry__user_name__iexact=wanted.user_name))
        .first()
    )
