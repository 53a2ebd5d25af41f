"""Whoever the directory has no more is suspended, and not everybody at once by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command

from accounts.ldap.asking import find_entry
from accounts.ldap.backend import admit_entry
from accounts.ldap.directories import LdapDirectory, directories
from accounts.ldap.syncing import sync_directory
from accounts.models import AuditEvent, Role, User
from accounts.models.directory import DirectorySync
from accounts.people.people import suspend_person
from accounts.tasks import sync_directories
from tests.accounts.ldap_house import BASE, KINDS, House, free_port, running

pytestmark = pytest.mark.django_db
NAMES = ("mia", "noah", "liv", "kim", "jon", "ida")


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(request.param, tmp_path_factory.mktemp("ldap")) as house:
        yield house


@pytest.fixture
def house(server: House) -> House:
    server.clear()
    for name in NAMES:
        server.add_person(name)
    return server


@pytest.fixture
def directory(house: House, settings: Any, ada: User) -> LdapDirectory:
    """All six have signed in once."""
    settings.LDAP_DIRECTORIES = [house.described(roles={"desk": "moderator"})]
    found = directories()[0]
    for name in NAMES:
        entry = find_entry(found, f"{name}@example.org")
        assert entry is not None
        admit_entry(found, entry)
    return found


def person(name: str) -> User:
    return User.objects.get(email=f"{name}@example.org")


def dn_of(name: str) -> str:
    return f"uid={name},ou=people,{BASE}"


def test_who_is_gone_is_suspended_and_who_is_back_reinstated(
    house: House, directory: LdapDirectory, alice: User
) -> None:
    house.remove(dn_of("mia"))
    house.add_group("desk", dn_of("noah"))
    run = sync_directory(directory)
    assert (run.known, run.seen, run.suspended, run.changed, run.withheld) == (6, 5, 1, 1, 0)
    assert person("mia").suspended_reason == "The directory has them no more."
    assert person("noah").roles == [Role.EMPLOYEE, Role.MODERATOR]
    assert person("alice").is_active  # did not come from there
    if house.kind == "slapd":  # gives everybody another id who is made anew
        return
    house.add_person("mia")
    assert sync_directory(directory).reinstated == 1
    assert person("mia").is_active
    told = AuditEvent.objects.filter(object=f"user:{person('mia').pk}", actor="provider:ldap:house")
    assert {"account.suspend", "account.reinstate"} <= set(told.values_list("action", flat=True))


def test_whom_a_person_suspended_the_directory_does_not_bring_back(directory: LdapDirectory, ada: User) -> None:
    suspend_person(actor=ada, user=person("mia"), reason="An inquiry.")
    assert sync_directory(directory).reinstated == 0
    assert not person("mia").is_active


def test_more_than_half_at_once_wait_for_a_word(house: House, directory: LdapDirectory) -> None:
    for name in NAMES[:4]:
        house.remove(dn_of(name))
    said = StringIO()
    with pytest.raises(CommandError, match="--confirm"):
        call_command("sync_ldap", stdout=said)
    assert User.objects.filter(is_active=False).count() == 0
    assert AuditEvent.objects.filter(action="directory.withhold").exists()
    assert sync_directories() == 0
    call_command("sync_ldap", "--only", "house", "--confirm", stdout=said)
    assert User.objects.filter(is_active=False).count() == 4
    with pytest.raises(CommandError, match="no such directory"):
        call_command("sync_ldap", "--only", "elsewhere")


def test_a_directory_that_does_not_answer_suspends_nobody(
    directory: LdapDirectory, house: House, settings: Any
) -> None:
    for more in ({"urls": [f"ldaps://localhost:{free_port()}"]}, {"base": f"ou=elsewhere,{BASE}"}):
        settings.LDAP_DIRECTORIES = [house.described(**more)]
        run = sync_directory(directories()[0])
        assert run.error
        assert run.suspended == 0
    assert DirectorySync.objects.count() == 2
    assert User.objects.filter(is_active=False).count() == 0


def test_the_last_administrator_is_kept(house: House, directory: LdapDirectory, ada: User) -> None:
    User.objects.filter(pk=person("mia").pk).update(roles=[Role.EMPLOYEE, Role.ADMIN])
    User.objects.filter(pk=ada.pk).update(is_active=False)
    house.remove(dn_of("mia"))
    assert sync_directory(directory).suspended == 0
    assert person("mia").is_active
    assert SocialAccount.objects.filter(user=person("mia")).exists()
