"""A Parley that has nobody yet: its first administrator is made through a link, once, and there is no other way in."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from accounts.people.people import create_first_administrator
from accounts.signing_in.first_run import first_link
from app.errors import ConflictError
from tests.factories import PASSWORD
from tests.recorded import recorded

FORM = {"email": "rosa@example.org", "name": "Rosa", "password": PASSWORD}


@pytest.fixture
def address(db: None) -> str:
    link = first_link()
    assert link is not None
    assert link.startswith(settings.PUBLIC_URL)
    return link.removeprefix(settings.PUBLIC_URL)


def test_the_link_makes_the_administrator_and_then_opens_nothing(address: str) -> None:
    page = Client().get(address)
    assert "Nobody has an account here yet" in page.text
    answer = Client().post(address, FORM)
    assert answer.headers["Location"] == "/account/login/"
    rosa = User.objects.get()
    assert (rosa.email, rosa.roles, rosa.is_superuser) == (FORM["email"], [Role.ADMIN, Role.EMPLOYEE], False)
    assert recorded(action="account.create").get().actor == "system"
    assert Client().get(address).status_code == Client().post(address, FORM).status_code == 404
    assert first_link() is None
    client = Client()
    client.post("/account/login/", {"login": FORM["email"], "password": PASSWORD})
    assert client.get("/admin/accounts/user/").status_code == 200


@pytest.mark.parametrize("token", ["x", "ImZpcnN0Ig", "ImZpcnN0Ig:1vA:abc"])
def test_a_made_up_link_opens_nothing(db: None, token: str) -> None:
    assert Client().get(f"/account/first/{token}/").status_code == 404


def test_a_link_of_the_day_before_yesterday_opens_nothing(address: str) -> None:
    later = timezone.now() + timedelta(days=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.core.signing.time.time", later.timestamp)
        assert Client().get(address).status_code == 404


def test_a_weak_password_is_refused_beside_its_field(address: str) -> None:
    page = Client().post(address, FORM | {"password": "password1234"})
    assert page.status_code == 422
    assert "many people use" in page.text
    assert "your name" in Client().post(address, FORM | {"password": "Rosa rosa 1999"}).text
    assert not User.objects.exists()


def test_there_is_one_first_administrator(alice: User) -> None:
    with pytest.raises(ConflictError):
        create_first_administrator(email="second@example.org", password=PASSWORD)


@pytest.fixture
def no_link_is_left() -> Iterator[None]:
    yield
    settings.DATA.first_link.unlink(missing_ok=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_link_is_left")
def test_preparing_a_parley_without_the_demo_leaves_the_link_for_its_keeper(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "DEMO", False)
    monkeypatch.setattr("app.management.commands.prepare.call_command", lambda *args, **kwargs: None)
    monkeypatch.setattr("app.management.commands.prepare.connect_configured_worker", lambda: None)
    call_command("prepare")
    path = settings.DATA.first_link
    link = path.read_text().strip()
    assert link in capsys.readouterr().out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    Client().post(link.removeprefix(settings.PUBLIC_URL), FORM)
    assert User.objects.get().email == FORM["email"]
    call_command("prepare")
    assert not path.exists()
