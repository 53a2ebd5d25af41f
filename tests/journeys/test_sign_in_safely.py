"""Signing in with more than a password: a passkey made, asked for and used alone, and one's devices.

Chromium's own virtual authenticator plays the fingerprint. Passkeys need a name for their place and take no bare
address, so these people come by ``localhost``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from tests import factories
from tests.factories import PASSWORD
from tests.journeys.house import House
from tests.journeys.test_reach_everybody import beside_the_browser, look

pytestmark = pytest.mark.journey

FINGERPRINT = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def paula(house: House, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Who has an account and nothing else; gone afterwards with all she set up."""
    with django_db_blocker.unblock():
        user = beside_the_browser(factories.make_user, "paula")
        yield
        beside_the_browser(user.delete)


class Visitor:
    """A browser that comes by ``localhost``, and what its console complained of."""

    def __init__(self, browser: Browser, house: House, **options: Any) -> None:
        self.context = browser.new_context(base_url=f"http://localhost:{house.port}", **options)
        self.page: Page = self.context.new_page()
        self.wrongs: list[str] = []
        self.page.on("console", lambda line: line.type == "error" and self.wrongs.append(line.text))
        self.page.on("pageerror", lambda error: self.wrongs.append(str(error)))

    def with_fingerprint(self) -> Visitor:
        devtools = self.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": FINGERPRINT})
        return self

    def give_password(self) -> None:
        self.page.goto("/account/login/?next=/account/keys/")
        self.page.get_by_role("textbox", name="Email").fill("paula@example.org")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def is_in(self) -> None:
        expect(self.page.get_by_role("heading", name="API keys")).to_be_visible()

    def judged(self, name: str) -> list[str]:
        self.page.evaluate(AXE_SCRIPT)
        return look(self.page, name)


@pytest.fixture
def visitors(browser: Browser, house: House) -> Iterator[list[Visitor]]:
    opened = [Visitor(browser, house) for _ in range(2)]
    yield opened
    wrongs = [wrong for one in opened for wrong in one.wrongs]
    for one in opened:
        one.context.close()
    assert not wrongs, wrongs


@pytest.mark.usefixtures("paula")
def test_a_passkey_is_made_and_then_signs_in_alone(visitors: list[Visitor]) -> None:
    one, other = visitors
    page, found = one.with_fingerprint().page, []
    one.give_password()
    one.is_in()
    page.get_by_role("button", name="Account of Paula").click()
    page.locator("#account-menu").get_by_role("link", name="Signing in").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    found += one.judged("add a passkey")
    page.get_by_label("Name").fill("My laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".recovery-codes li")).to_have_count(10)
    code = page.locator(".recovery-codes li").first.inner_text()
    found += one.judged("recovery codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("My laptop")).to_be_visible()
    found += one.judged("signing in with a passkey")
    page.get_by_role("link", name="Rename My laptop").click()
    found += one.judged("rename a passkey")
    page.get_by_label("Name").fill("Blue laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Blue laptop").click()
    found += one.judged("remove a passkey")
    page.get_by_role("link", name="Keep it").click()

    # Another device: the password alone is not enough any more.
    other.give_password()
    expect(other.page.get_by_role("heading", name="Second step")).to_be_visible()
    found += other.judged("second step")
    other.page.get_by_label("Code").fill(code)
    other.page.get_by_role("button", name="Go on").click()
    other.is_in()

    # The first device signs the other out, and itself out and in again, by touch alone.
    page.goto("/account/sessions/")
    expect(page.locator(".device")).to_have_count(2)
    found += one.judged("two devices")
    page.locator(".device").nth(1).get_by_role("button", name="Sign out").click()
    expect(page.locator(".device")).to_have_count(1)
    other.page.reload()
    expect(other.page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.locator(".device").get_by_role("button", name="Sign out").click()
    page.goto("/account/login/?next=/account/keys/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    one.is_in()
    assert not found, "\n".join(found)


@pytest.mark.usefixtures("paula")
def test_an_app_is_added_without_any_script(browser: Browser, house: House) -> None:
    visitor = Visitor(browser, house, java_script_enabled=False)
    page = visitor.page
    visitor.give_password()
    visitor.is_in()
    page.goto("/account/app/add/")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    secret = page.locator(".secret").inner_text()
    page.get_by_role("textbox", name="Authenticator code").fill(_shown(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.goto("/account/signing-in/")
    expect(page.get_by_text(re.compile("In use since"))).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_have_count(0)
    visitor.context.close()


@pytest.mark.usefixtures("paula")
def test_the_page_with_the_picture_to_scan_is_for_everyone(visitors: list[Visitor]) -> None:
    one, _ = visitors
    one.give_password()
    one.is_in()
    one.page.goto("/account/app/add/")
    one.page.get_by_label("Password").fill(PASSWORD)
    one.page.get_by_role("button", name="Go on").click()
    expect(one.page.get_by_role("img", name="QR code")).to_be_visible()
    assert not one.judged("add an app")


def _shown(secret: str) -> str:
    """What an app shows for it now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
