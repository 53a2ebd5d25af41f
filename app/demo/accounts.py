"""The demo's people, and the file that says how to sign in as each of them.

Passwords and keys are random for every install and exist only in that file. They are written down before the first
account is made, so that a fill that was killed half-way goes on with the same ones.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from accounts.audit import SYSTEM
from accounts.models import ApiKey, Group, Role, User
from accounts.people import groups, people
from accounts.programs.keys import create_key

DOMAIN = "haldenrook.example"
KEY_NAME = "demo"


@dataclass(frozen=True)
class Person:
    """One of the cast: everybody is an employee besides their ``role``."""

    name: str
    role: str
    groups: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@{DOMAIN}"


CAST = (
    Person("Alice Moreau", Role.EMPLOYEE, ("Engineering",)),
    Person("Bob Achterberg", Role.EMPLOYEE, ("People team",)),
    Person("Olivia Stern", Role.OWNER, ("Engineering", "People team")),
    Person("Dana Ilves", Role.MODERATOR),
    Person("Erin Castell", Role.MODERATOR),
    Person("Aaron Weiss", Role.AUDITOR),
    Person("Ada Novak", Role.ADMIN),
)


class Account(TypedDict):
    role: str
    email: str
    password: str
    api_key: str
    groups: list[str]


class SignIns(TypedDict):
    """The contents of demo.json."""

    url: str
    accounts: list[Account]


def draft_path() -> Path:
    return settings.DATA.demo.with_suffix(".json.part")


def open_draft() -> SignIns:
    """The sign-ins of the fill under way, made now unless an earlier one left them."""
    path = draft_path()
    try:
        found: SignIns = json.loads(path.read_text())
    except FileNotFoundError:
        found = {"url": settings.PUBLIC_URL, "accounts": [_new_account(person) for person in CAST]}
        _write(path, found)
    return found


def publish(sign_ins: SignIns) -> None:
    """Make the draft the file that people are told of, whole or not at all."""
    _write(draft_path(), {"url": settings.PUBLIC_URL, "accounts": sign_ins["accounts"]})
    draft_path().replace(settings.DATA.demo)


def note_address() -> None:
    """Say where this run of Parley is, as the port may have changed since the last one."""
    sign_ins: SignIns = json.loads(settings.DATA.demo.read_text())
    if sign_ins["url"] != settings.PUBLIC_URL:
        publish(sign_ins)


def ensure_accounts(sign_ins: SignIns) -> dict[str, User]:
    """The people, their groups and keys, made where they are missing; users by the first name in their address."""
    users = {}
    for person, account in zip(CAST, sign_ins["accounts"], strict=True):
        user = User.objects.filter(email=account["email"]).first() or people.create_person(
            actor=SYSTEM,
            email=account["email"],
            password=account["password"],
            name=person.name,
            roles=sorted({Role.EMPLOYEE, person.role}),
        )
        if not ApiKey.objects.filter(digest=ApiKey.digest_of(account["api_key"])).exists():
            create_key(actor=user, user=user, name=KEY_NAME, secret=account["api_key"])
        users[account["email"].partition("@")[0]] = user
    for name in sorted({name for person in CAST for name in person.groups}):
        if not Group.objects.filter(name=name).exists():
            members = [users[person.email.partition("@")[0]] for person in CAST if name in person.groups]
            groups.create_group(actor=SYSTEM, name=name, members=members)
    return users


def _new_account(person: Person) -> Account:
    return {
        "role": str(person.role),
        "email": person.email,
        "password": secrets.token_urlsafe(12),
        "api_key": ApiKey.new_secret(),
        "groups": list(person.groups),
    }


def _write(path: Path, sign_ins: SignIns) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(sign_ins, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
