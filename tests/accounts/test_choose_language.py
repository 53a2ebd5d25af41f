"""Which language somebody is spoken to in, and that it is kept."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation

from accounts.languages import language_for
from accounts.limits import notices as limit_notices
from accounts.models import AuditEvent, User
from accounts.people import people
from app.errors import BadInputError
from tests import factories
from tests.conftest import SignIn

LOGIN = "/account/login/"


@pytest.fixture(autouse=True)
def english_again() -> object:
    yield
    translation.activate("en")


@pytest.mark.parametrize(
    ("accepted", "code", "direction", "words"),
    [
        ("", "en", "ltr", "Sign in"),
        ("de-AT,de;q=0.9,en;q=0.5", "de", "ltr", "Anmelden"),
        ("ar-EG", "ar", "rtl", "تسجيل الدخول"),
        ("fr, de;q=0.5", "de", "ltr", "Anmelden"),
        ("tlh, zz;q=0.9", "en", "ltr", "Sign in"),
    ],
)
def test_a_visitor_is_spoken_to_as_the_browser_asks(
    client: Client, db: None, accepted: str, code: str, direction: str, words: str
) -> None:
    response = client.get(LOGIN, headers={"accept-language": accepted})
    page = response.content.decode()
    assert f'<html lang="{code}"' in page
    assert f'dir="{direction}"' in page
    assert f"<h1>{words}</h1>" in page
    assert response["Content-Language"] == code
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}


def test_a_visitor_chooses_and_the_browser_keeps_it(client: Client, db: None) -> None:
    response = client.post("/account/language/", {"language": "de", "next": "/account/login/?next=/c/"})
    assert response.status_code == 302
    assert response["Location"] == "/account/login/?next=/c/"
    page = client.get(LOGIN, headers={"accept-language": "ar"}).content.decode()
    assert '<html lang="de"' in page


def test_a_person_is_known_by_their_choice_everywhere(alice: User, signed_in: SignIn) -> None:
    signed_in(alice).post("/account/language/", {"language": "ar"})
    alice.refresh_from_db()
    assert alice.language == "ar"
    elsewhere = signed_in(alice).get("/account/keys/", headers={"accept-language": "de"}).content.decode()
    assert '<html lang="ar"' in elsewhere
    event = AuditEvent.objects.get(actor=str(alice.pk), action="account.choose_language")
    assert event.payload == {"language": "ar"}


def test_a_choice_is_taken_back_from_the_person_and_the_browser(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    client.post("/account/language/", {"language": "ar"})
    chosen = client.get("/account/keys/", headers={"accept-language": "de"}).content.decode()
    assert re.search(r'value="ar"[^>]*aria-current="true"', chosen)
    client.post("/account/language/", {"language": ""})
    alice.refresh_from_db()
    assert alice.language == ""
    assert not client.cookies["parley_language"].value
    page = client.get("/account/keys/", headers={"accept-language": "de"}).content.decode()
    assert '<html lang="de"' in page
    assert re.findall(r'name="language"\s+value="(\w*)"[^>]*aria-current="true"', page) == [""]
    assert client.post("/account/language/").status_code == 422


def test_a_choice_on_a_page_that_was_sent_to_leads_to_one_that_can_be_opened(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    wanted = re.compile(r'name="next"\s+value="([^"]*)"')
    assert wanted.findall(client.get("/prompts/?show=own").content.decode()) == ["/prompts/?show=own"]
    refused = client.post("/prompts/new", {"name": "", "text": "", "group": ""})
    assert refused.status_code == 422
    assert wanted.findall(refused.content.decode()) == [""]


def test_a_language_that_is_not_spoken_is_refused(alice: User, signed_in: SignIn) -> None:
    response = signed_in(alice).post("/account/language/", {"language": "tlh"})
    assert response.status_code == 422
    with pytest.raises(BadInputError):
        people.choose_language(actor=alice, language="tlh")


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_a_choice_leads_to_no_other_site(client: Client, db: None, wanted: str) -> None:
    assert client.post("/account/language/", {"language": "de", "next": wanted})["Location"] == "/"


def test_programs_are_answered_in_english(alice: User, signed_in: SignIn) -> None:
    alice.language = "de"
    alice.save()
    response = signed_in(alice).get("/api/v1/nothing/here")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "There is nothing here."
    assert "Accept-Language" not in response.get("Vary", "")


def test_an_error_is_told_in_the_readers_language(alice: User, signed_in: SignIn) -> None:
    alice.language = "de"
    alice.save()
    client = signed_in(alice)
    fragment = client.post("/account/language/", {"language": "x"}, headers={"hx-request": "true"})
    assert "Diese%20Sprache%20spricht%20Parley%20nicht" in fragment["X-Parley-Message"]


@pytest.mark.parametrize(("cookie", "accepted", "code"), [("de", "ar", "de"), ("xx", "ar", "ar"), ("", "", "en")])
def test_a_socket_is_spoken_to_alike(cookie: str, accepted: str, code: str) -> None:
    assert language_for(None, {"parley_language": cookie}, accepted) == code


def test_administrators_are_warned_each_in_their_own_language(db: None) -> None:
    factories.make_user("ada", roles=["admin"])
    factories.make_user("adil", roles=["admin"], language="ar")
    factories.make_user("arndt", roles=["admin"], language="de")
    limit = factories.make_limit(subject="all", amount=100)
    standing = limit_notices.standings_of_limits([limit])[0]
    for message in limit_notices._messages(standing):
        message.send()
    subjects = {one.bcc[0].split("@")[0]: one.subject for one in mail.outbox}
    assert subjects["ada"].endswith("used")
    assert subjects["arndt"].endswith("verbraucht")
    assert "استُهلك" in subjects["adil"]
