"""The organisation's password opens Parley: a directory says whether it is right, over LDAP."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client

from accounts.ldap.asking import DirectoryError, check_password, find_entry
from accounts.ldap.directories import directories, find_directory
from accounts.models import AuditEvent, Group, User
from accounts.people.people import suspend_person
from app.errors import BadInputError
from tests import factories
from tests.accounts.ldap_house import BASE, KINDS, PASSWORD, House, free_port, running, write_certificate

pytestmark = pytest.mark.django_db
BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend", "accounts.ldap.backend.LdapBackend"]


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(request.param, tmp_path_factory.mktemp("ldap")) as house:
        yield house


@pytest.fixture(autouse=True)
def nobody_guessed_yet() -> None:
    cache.clear()


@pytest.fixture
def house(server: House) -> House:
    """With mia and noah in it; mia is in Lenses, which is inside Optics."""
    server.clear()
    mia = server.add_person("mia", groups=["Lenses"])
    server.add_person("noah")
    server.add_group("Optics", server.add_group("Lenses", mia))
    return server


@pytest.fixture
def use(house: House, settings: Any) -> Any:
    """``use(domains=[…])``: from now on people come from this directory, described like this."""
    settings.AUTHENTICATION_BACKENDS = BACKENDS

    def described(**more: Any) -> None:
        settings.LDAP_DIRECTORIES = [house.described(**more)]
        directories()

    described()
    return described


def sign_in(email: str, password: str = PASSWORD, *, client: Client | None = None) -> HttpResponse:
    response: HttpResponse = (client or Client()).post("/account/login/", {"login": email, "password": password})
    return response


def is_in(response: HttpResponse) -> bool:
    return response.status_code == 302 and response["Location"] == "/"


def test_the_houses_password_signs_in_with_groups_and_roles(use: Any) -> None:
    use(groups={"lenses": "Optics"}, roles={f"CN=Lenses,OU=groups,{BASE}": "moderator"})
    client = Client()
    assert is_in(sign_in("Mia@example.org", client=client))
    mia = User.objects.get(email__iexact="mia@example.org")
    assert (mia.name, mia.roles, mia.has_usable_password()) == ("Mia", ["employee", "moderator"], False)
    assert [group.name for group in mia.groups_joined.all()] == ["Optics"]
    assert client.get("/account/keys/").status_code == 200
    use(groups={"lenses": "Optics"}, roles={"optics": "moderator"})
    assert is_in(sign_in("mia@example.org"))
    assert User.objects.get(pk=mia.pk).roles == ["employee"]
    actions = set(AuditEvent.objects.filter(object=f"user:{mia.pk}").values_list("action", "outcome"))
    assert ("account.link", "ok") in actions
    assert ("account.sign_in", "ok") in actions


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("mia@example.org", "wrong"),
        ("mia@example.org", ""),
        ("mia@example.org", "\0"),
        ("nobody@example.org", PASSWORD),
        ("*@example.org", PASSWORD),
        ("mi*@example.org", PASSWORD),
        ("mia@example.org)(uid=*", PASSWORD),
    ],
)
def test_what_is_wrong_opens_nothing(use: Any, email: str, password: str) -> None:
    directory = find_directory("house")
    assert directory is not None
    assert check_password(directory, email, password) is None
    assert not is_in(sign_in(email, password))
    assert not SocialAccount.objects.exists()


def test_two_of_one_address_are_nobody(use: Any, house: House) -> None:
    use(email_attribute="userPassword", people="(objectClass=person)")
    directory = find_directory("house")
    assert directory is not None
    assert check_password(directory, PASSWORD, PASSWORD) is None


def test_starttls_and_memberof_and_groups_in_groups(use: Any, house: House) -> None:
    plain = f"ldap://localhost:{house.ports['ldap']}"
    use(urls=[plain], start_tls=True)
    found = find_entry(directories()[0], "mia@example.org")
    assert found is not None
    assert found.words == {"lenses", f"cn=lenses,ou=groups,{BASE}"}
    if house.kind == "slapd":  # has neither without overlays
        return
    use(groups_by="memberOf")
    assert find_entry(directories()[0], "mia@example.org") == found
    use(groups_by="nested")
    nested = find_entry(directories()[0], "mia@example.org")
    assert nested is not None
    assert {"lenses", "optics"} <= nested.words


def test_a_certificate_of_nobodys_is_refused(use: Any, house: House, tmp_path: Path) -> None:
    write_certificate(tmp_path)
    for more in (
        {"ca_file": ""},
        {"ca_file": str(tmp_path / "cert.pem")},
        {"urls": [f"ldaps://127.0.0.1:{house.ports['ldaps']}"]},  # another name than the certificate's
        {"urls": [f"ldap://localhost:{house.ports['ldap']}"], "start_tls": True, "ca_file": ""},
    ):
        use(**more)
        with pytest.raises(DirectoryError):
            check_password(directories()[0], "mia@example.org", PASSWORD)
    assert "does not answer" in sign_in("mia@example.org").content.decode()


def test_the_next_server_is_asked_and_none_is_waited_for_long(use: Any, house: House, ada: User) -> None:
    dead = f"ldaps://localhost:{free_port()}"
    use(urls=[dead, house.described()["urls"][0]])
    assert is_in(sign_in("mia@example.org"))
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the call and never says a word
        use(urls=[dead, f"ldaps://127.0.0.1:{silent.getsockname()[1]}"], timeout_seconds=1)
        began = time.monotonic()
        answer = sign_in("mia@example.org")
        assert time.monotonic() - began < 20  # a machine may be busy; without a limit it would be for ever
        assert "does not answer" in answer.content.decode()
        assert is_in(sign_in(ada.email, factories.PASSWORD))  # a password kept here needs no directory


def test_who_has_no_account_is_told_and_who_is_suspended_too(use: Any, house: House, ada: User) -> None:
    use(creates_accounts=False)
    assert "There is no account for you here" in sign_in("mia@example.org").content.decode()
    denied = AuditEvent.objects.filter(action="account.link", outcome="denied", actor="provider:ldap:house")
    assert denied.exists()
    use(domains=["example.com"])
    assert not is_in(sign_in("mia@example.org"))
    use()
    assert is_in(sign_in("mia@example.org"))
    mia = User.objects.get(email="mia@example.org")
    suspend_person(actor=ada, user=mia, reason="Left.")
    assert sign_in("mia@example.org")["Location"] == "/account/inactive/"


def test_an_account_that_is_there_is_linked_once_by_its_address(use: Any, house: House) -> None:
    noah = factories.make_user("noah")
    assert is_in(sign_in("noah@example.org"))
    assert SocialAccount.objects.get(user=noah).provider == "ldap:house"
    dn = f"uid=noah,ou=people,{BASE}"
    house.remove(dn)
    house.uids.pop("noah", None)
    house.add_person("noah")  # another person of the same address
    assert "Somebody else at Haldenrook" in sign_in("noah@example.org").content.decode()


def test_the_second_step_is_asked_for(use: Any) -> None:
    mia = factories.make_user("mia")
    factories.make_passkey(mia)
    assert "/account/second-step/" in sign_in("mia@example.org")["Location"]


def test_guessing_is_slowed_down_as_ever(use: Any) -> None:
    for _ in range(5):
        sign_in("mia@example.org", "wrong")
    assert not is_in(sign_in("mia@example.org"))


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"urls": ["ldap://directory.example.org"]}, "plain words"),
    ({"urls": ["http://directory.example.org"]}, "no address"),
    ({"urls": "ldaps://directory.example.org"}, "another kind"),
    ({"urls": []}, "lacks: urls"),
    ({"base": ""}, "lacks: base"),
    ({"server": "x"}, "not known"),
    ({"roles": {"a": "king"}}, "king"),
    ({"groups_by": "magic"}, "magic"),
    ({"groups_by": "search", "group_base": ""}, "group_base"),
    ({"people": "objectClass=person"}, "parentheses"),
    ({"ca_file": "/nowhere/ca.pem"}, "/nowhere/ca.pem"),
    ({"timeout_seconds": 600}, "timeout_seconds"),
    ({"id": "a b"}, "letters"),
]


def test_a_description_that_cannot_be_used_is_refused_at_the_start(settings: Any) -> None:
    good = {"id": "house", "name": "House", "urls": ["ldaps://directory.example.org"], "base": BASE}
    for more, said in WRONG:
        settings.LDAP_DIRECTORIES = [good | more]
        with pytest.raises(BadInputError, match=said):
            directories()
    settings.LDAP_DIRECTORIES = [good, good]
    with pytest.raises(BadInputError, match="same id"):
        directories()
    plain = {"urls": ["ldap://directory.example.org"]}
    settings.LDAP_DIRECTORIES = [good, good | plain | {"id": "b", "allow_plain": True}]
    assert len(directories()) == 2


def test_trying_it_says_what_would_follow(use: Any, house: House) -> None:
    use(urls=[f"ldaps://localhost:{free_port()}", *house.described()["urls"]], groups={"Lenses": "Optics"})
    said = StringIO()
    call_command("try_ldap", "mia@example.org", stdout=said)
    assert f"uid=mia,ou=people,{BASE}" in said.getvalue()
    assert "answers" in said.getvalue()
    assert "groups here: Optics" in said.getvalue()
    call_command("try_ldap", "nobody@example.org", stdout=said)
    assert "has nobody" in said.getvalue()
    use(bind_password="wrong")
    with pytest.raises(CommandError, match="Not usable"):
        call_command("try_ldap", "mia@example.org", stdout=said)
    use(id_attribute="employeeNumber")
    with pytest.raises(CommandError, match="Not usable"):
        call_command("try_ldap", "mia@example.org", stdout=said)
    assert "another id_attribute" in said.getvalue()
    assert not Group.objects.exists()
