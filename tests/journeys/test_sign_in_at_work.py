"""Signing in at one's organisation, from Parley's page to the provider's own form and back, and out again at both.

The providers are real: servers of their own with a form, consent and a session, one speaking OpenID Connect and one
SAML. A Parley of its own knows them, beside the one of the other journeys and on the same database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import AuditEvent, Group, User
from tests import factories
from tests.accounts import provider_of_openid, provider_of_saml
from tests.journeys.house import House, free_port
from tests.journeys.test_reach_everybody import beside_the_browser, look

pytestmark = pytest.mark.journey

MAPPED = {"groups": {"eng": "Engineering"}, "roles": {"reviewers": "moderator"}}
PAULA = {"sub": "p-1", "email": "paula@example.org", "email_verified": True, "name": "Paula"}
STRANGER = {"sub": "p-9", "email": "somebody@example.org", "email_verified": True, "name": "Somebody"}


class Work:
    """A Parley whose people come from two providers."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.openid = provider_of_openid.Provider()
        self.openid.returns_to = house.url
        self.saml = provider_of_saml.Provider(f"{house.url}/account/provider/saml/old/metadata/")
        self.saml.serve()

    def described(self) -> str:
        old = self.saml.described(id="old", name="Haldenrook (old)", **MAPPED)
        return json.dumps([self.openid.described(id="work", **MAPPED), old])

    def stop(self) -> None:
        self.house.stop()
        self.openid.stop()
        self.saml.stop()


@pytest.fixture(scope="module")
def work(house: House) -> Iterator[Work]:
    work = Work(House(free_port(), house.model))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SIGN_IN_PROVIDERS", work.described())
        try:
            work.house.start_web()
            yield work
        finally:
            work.stop()


Ask = Callable[..., Any]


@pytest.fixture
def paula(work: Work, django_db_blocker: DjangoDbBlocker) -> Iterator[Ask]:
    """Whom both providers know; ``paula(work)`` runs ``work`` on the database. She is gone afterwards."""
    with django_db_blocker.unblock():
        user = beside_the_browser(factories.make_user, "paula")
        yield beside_the_browser
        beside_the_browser(lambda: Group.objects.filter(name="Engineering").delete())
        beside_the_browser(user.delete)


@pytest.fixture
def page(browser: Browser, work: Work) -> Iterator[Page]:
    context = browser.new_context(base_url=work.house.url)
    opened = context.new_page()
    wrongs: list[str] = []
    opened.on("pageerror", lambda error: wrongs.append(str(error)))

    def note(line: ConsoleMessage) -> None:
        """What our own pages complain of, besides the refusals that are meant."""
        if line.type == "error" and line.location["url"].startswith(work.house.url) and "403" not in line.text:
            wrongs.append(line.text)

    opened.on("console", note)
    yield opened
    context.close()
    assert not wrongs, wrongs


def to_provider(page: Page, name: str) -> None:
    page.goto("/account/login/?next=/account/keys/")
    page.get_by_role("link", name=f"Go on with {name}", exact=True).click()
    expect(page.get_by_role("heading", name="Haldenrook", exact=True)).to_be_visible()


def give_name(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in to Haldenrook").click()


def is_in(page: Page) -> None:
    expect(page.get_by_role("heading", name="API keys")).to_be_visible()


def sign_out(page: Page) -> None:
    page.goto("/account/logout/")
    page.get_by_role("main").get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()


def roles_of_paula() -> list[str]:
    return list(User.objects.get(email="paula@example.org").roles)


def groups_of_paula() -> list[str]:
    return list(Group.objects.filter(members__email="paula@example.org").values_list("name", flat=True))


def test_by_openid_connect_and_out_again_at_both(page: Page, work: Work, paula: Ask) -> None:
    work.openid.people = {"paula": PAULA | {"groups": ["eng", "reviewers"]}}
    to_provider(page, "Haldenrook")
    give_name(page, "paula", provider_of_openid.PASSWORD)
    page.get_by_role("button", name="Allow").click()
    is_in(page)
    assert (paula(roles_of_paula), paula(groups_of_paula)) == (["employee", "moderator"], ["Engineering"])

    # Back with less: what she lost there she loses here.
    sign_out(page)
    work.openid.people["paula"] = PAULA | {"groups": []}
    to_provider(page, "Haldenrook")
    page.get_by_role("button", name="Allow").click()
    is_in(page)
    assert (paula(roles_of_paula), paula(groups_of_paula)) == (["employee"], [])

    sign_out(page)
    page.evaluate(AXE_SCRIPT)
    assert look(page, "signed out") == []
    assert work.openid.sessions, "still signed in there"
    page.get_by_role("link", name="Sign out at Haldenrook").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert not work.openid.sessions
    to_provider(page, "Haldenrook")
    expect(page.get_by_label("Password")).to_be_visible()


def test_what_is_refused_is_said_in_words_that_help(page: Page, work: Work, paula: Ask) -> None:
    work.openid.people = {"stranger": STRANGER, "paula": PAULA | {"email_verified": False}}
    to_provider(page, "Haldenrook")
    give_name(page, "stranger", provider_of_openid.PASSWORD)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("There is no account for you here. Ask an administrator of Parley")).to_be_visible()
    page.get_by_role("link", name="Back to signing in").click()

    work.openid.sessions.clear()
    to_provider(page, "Haldenrook")
    give_name(page, "paula", provider_of_openid.PASSWORD)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("has not verified your e-mail address")).to_be_visible()
    assert not paula(SocialAccount.objects.exists)


def test_by_saml_and_out_again_at_both(page: Page, work: Work, paula: Ask) -> None:
    person = {"uid": "p-1", "mail": "paula@example.org", "displayName": "Paula", "groups": ["eng", "reviewers"]}
    work.saml.people = {"paula": person}
    to_provider(page, "Haldenrook (old)")
    give_name(page, "paula", provider_of_saml.PASSWORD)
    page.get_by_role("button", name="Go on to Parley").click()
    is_in(page)
    assert (paula(roles_of_paula), paula(groups_of_paula)) == (["employee", "moderator"], ["Engineering"])
    sign_out(page)
    page.get_by_role("link", name="Sign out at Haldenrook (old)").click()
    expect(page.get_by_text("You are signed out of Haldenrook.")).to_be_visible()
    assert len(work.saml.ended) == 1


def test_what_ends_there_ends_in_the_open_browser(page: Page, work: Work, paula: Ask) -> None:
    work.openid.people = {"paula": PAULA}
    work.openid.in_id_token = {"sid": "s-1"}
    to_provider(page, "Haldenrook")
    give_name(page, "paula", provider_of_openid.PASSWORD)
    page.get_by_role("button", name="Allow").click()
    is_in(page)
    token = work.openid.logout_token(sub="p-1", sid="s-1")
    told = page.request.post("/account/provider/oidc/work/logout/", form={"logout_token": token})
    assert told.status == 200
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    ended = paula(lambda: AuditEvent.objects.filter(action="session.end_by_provider", actor="provider:work").count())
    assert ended == 1
