"""A second step of signing in: set up, asked for, required of some roles everywhere, and taken off again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from accounts.models import AuditEvent, Role, User
from accounts.signing_in.second_step import reset_second_step
from app.errors import NotAllowedError
from app.web.threads import in_thread
from chat.writing.runner import runner
from tests import factories
from tests.architecture.access_matrix import ANYBODY, PAGES
from tests.architecture.test_socket_access import close_code, open_socket
from tests.conftest import SignIn
from tests.factories import PASSWORD
from tests.recorded import recorded


@pytest.fixture(autouse=True)
def without_counted_failures() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def code_of(secret: str, ahead: int = 0) -> str:
    """What an app shows for this secret, ``ahead`` half minutes from now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead)))


def proved(client: Client) -> Client:
    """The same browser, where the person gave their password once more."""
    client.post("/account/reauthenticate/", {"password": PASSWORD})
    return client


def add_app(client: Client) -> str:
    """Set up an app as the page asks for it; its secret."""
    page = proved(client).get("/account/app/add/").text
    found = re.search(r'<code class="secret" dir="ltr">(\w+)</code>', page)
    assert found, page
    answer = client.post("/account/app/add/", {"code": code_of(found[1])})
    assert answer.headers["Location"] == "/account/recovery-codes/", answer.text
    return found[1]


def sign_in(email: str, **more: str) -> tuple[Client, str]:
    """By password; the browser, and where it was led."""
    client = Client()
    answer = client.post("/account/login/", {"login": email, "password": PASSWORD, **more})
    return client, answer.headers.get("Location", "")


def is_in(client: Client) -> bool:
    return client.get("/account/keys/").status_code == 200


def events(action: str, outcome: str = "ok") -> list[AuditEvent]:
    return list(recorded(action=action, outcome=outcome))


@pytest.mark.django_db(transaction=True)
def test_an_app_is_added_and_asked_for(alice: User, signed_in: SignIn) -> None:
    secret = add_app(signed_in(alice))
    assert secret not in str(Authenticator.objects.get(type="totp").data), "it is kept sealed"
    assert [event.payload["kind"] for event in events("account.add_second_step")] == ["totp", "recovery_codes"]
    assert {event.actor for event in events("account.add_second_step")} == {str(alice.pk)}

    client, led_to = sign_in(alice.email)
    assert led_to == "/account/second-step/"
    assert not is_in(client)
    client.post("/account/second-step/", {"code": "000000"})
    assert not is_in(client)
    assert events("account.second_step", "denied")[0].payload == {"kind": "totp"}
    client.post("/account/second-step/", {"code": code_of(secret, ahead=1)})
    assert is_in(client)
    assert events("account.sign_in")[-1].payload["methods"] == ["password", "totp"]

    again, _ = sign_in(alice.email)
    again.post("/account/second-step/", {"code": code_of(secret, ahead=1)})
    assert not is_in(again), "a code works once"


@pytest.mark.django_db(transaction=True)
def test_the_picture_to_scan_stands_in_the_page_without_styles_or_scripts(alice: User, signed_in: SignIn) -> None:
    page = proved(signed_in(alice)).get("/account/app/add/")
    picture = re.search(r"<svg viewBox.*?</svg>", page.text, re.DOTALL)
    assert picture
    assert "style" not in picture[0]
    assert "<script" not in picture[0]
    assert 'aria-label="QR code"' in picture[0]


@pytest.mark.django_db(transaction=True)
def test_recovery_codes_are_shown_once_and_each_works_once(alice: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    add_app(client)
    codes = re.findall(r"<li><code>(\d{8})</code></li>", client.get("/account/recovery-codes/").text)
    assert len(codes) == 10
    assert codes[0] not in client.get("/account/recovery-codes/").text
    for expected in (True, False):
        browser, _ = sign_in(alice.email)
        browser.post("/account/second-step/", {"code": codes[0]})
        assert is_in(browser) == expected
    assert "9 are left" in client.get("/account/signing-in/").text
    client.post("/account/recovery-codes/new/")
    browser, _ = sign_in(alice.email)
    browser.post("/account/second-step/", {"code": codes[1]})
    assert not is_in(browser), "new codes replace the old ones"


@pytest.mark.parametrize(
    "address",
    ["app/add/", "app/remove/", "recovery-codes/", "recovery-codes/new/", "passkeys/add/", "passkeys/{pk}/remove/"],
)
def test_changes_ask_for_the_password_once_more(address: str, alice: User, signed_in: SignIn) -> None:
    kinds = ["recovery_codes"] if address == "app/add/" else ["totp", "recovery_codes", "webauthn"]
    made = [Authenticator.objects.create(user=alice, type=kind, data={"name": "Key"}) for kind in kinds]
    address = "/account/" + address.format(pk=made[-1].pk)
    client = signed_in(alice)
    asked = [client.get(address)]
    if address != "/account/recovery-codes/":  # which only shows
        asked.append(client.post(address, {"code": "1"}))
    for answer in asked:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/account/reauthenticate/")
    assert Authenticator.objects.filter(user=alice).count() == len(kinds)


def test_too_many_wrong_codes_are_stopped(alice: User) -> None:
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "none"})
    client, _ = sign_in(alice.email)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("accounts.signing_in.mfa_adapter.unseal", lambda text: "A" * 32)
        pages = [client.post("/account/second-step/", {"code": "1"}).text for _ in range(12)]
        assert "Too many failed login attempts" in pages[-1]
        client.post("/account/second-step/", {"code": code_of("A" * 32)})
    assert not is_in(client)


# ---------------------------------------------------------------- required of some roles

REQUIRED = override_settings(MFA_REQUIRED_ROLES=[Role.ADMIN, Role.MODERATOR])


@REQUIRED
def test_who_must_have_one_gets_nowhere_else_before_it_is_set_up(ada: User, alice: User, signed_in: SignIn) -> None:
    client = signed_in(ada)
    for address in ("/", "/knowledge/", "/operations/pool/", "/admin/", "/account/keys/", "/account/sessions/"):
        assert client.get(address).headers["Location"].startswith("/account/signing-in/?next="), address
    assert client.post("/account/keys/", {"name": "way round"}).headers["Location"] == "/account/signing-in/"
    for address in ("/api/v1/groups", "/v1/models"):
        refused = client.get(address)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "second_step_needed")
    assert client.get("/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/account/signing-in/"
    for address in ("/account/signing-in/", "/account/reauthenticate/", "/offline/"):
        assert client.get(address).status_code == 200, address
    assert "Your role needs a second step" in client.get("/account/signing-in/").text
    assert client.get("/", headers={"Authorization": "Bearer nonsense"}).status_code == 302
    assert signed_in(alice).get("/account/keys/").status_code == 200


@REQUIRED
def test_no_page_of_the_access_matrix_opens_before(ada: User, signed_in: SignIn) -> None:
    client, tried = signed_in(ada), 0
    for row in PAGES:
        if row.allowed == ANYBODY or row.args or row.name.startswith(("mfa_", "account_")):
            continue
        tried += 1
        answer = client.get(reverse(row.name))
        assert answer.headers.get("Location", "").startswith("/account/signing-in/"), row.name
    assert tried > 30


@REQUIRED
@pytest.mark.django_db(transaction=True)
def test_setting_one_up_opens_everything_and_the_last_one_stays(ada: User, signed_in: SignIn) -> None:
    client = signed_in(ada)
    add_app(client)
    assert client.get("/account/keys/").status_code == 200
    assert client.get("/api/v1/groups").status_code == 200
    assert "this is your last one" in client.get("/account/app/remove/").text
    client.post("/account/app/remove/")
    assert Authenticator.objects.filter(user=ada, type="totp").exists()
    passkey = Authenticator.objects.create(user=ada, type="webauthn", data={"name": "Key"})
    Authenticator.objects.filter(user=ada, type="totp").delete()
    client.post(f"/account/passkeys/{passkey.pk}/remove/")
    assert Authenticator.objects.filter(pk=passkey.pk).exists()


@REQUIRED
def test_a_key_of_theirs_goes_on_working(ada: User, with_key: SignIn) -> None:
    assert with_key(ada).get("/api/v1/groups").status_code == 200


@REQUIRED
@pytest.mark.django_db(transaction=True)
async def test_their_sockets_stay_closed(ada: User, signed_in: SignIn) -> None:
    conversation = await in_thread(factories.make_conversation, owner=ada)
    try:
        socket = open_socket(await in_thread(signed_in, ada), conversation.id)
        assert await close_code(socket) == 4401
        await in_thread(Authenticator.objects.create, user=ada, type="totp", data={"secret": "x"})
        socket = open_socket(await in_thread(signed_in, ada), conversation.id)
        assert await close_code(socket) is None
        await socket.disconnect()
    finally:
        await runner.drain(1)


def test_an_administrator_takes_it_off_somebody_who_lost_it(
    ada: User, alice: User, bob: User, signed_in: SignIn
) -> None:
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=alice, type=kind, data={"secret": "x"})
    client = signed_in(alice)
    with pytest.raises(NotAllowedError):
        reset_second_step(actor=bob, user=alice)
    reset_second_step(actor=ada, user=alice)
    assert not Authenticator.objects.filter(user=alice).exists()
    assert not is_in(client)
    event = events("account.reset_second_step")[0]
    assert (event.actor, event.object) == (str(ada.pk), f"user:{alice.pk}")


# ---------------------------------------------------------------- codes by e-mail


def test_a_code_by_mail_lets_in_once_and_in_that_browser_only(alice: User) -> None:
    client, stranger = Client(), Client()
    client.post("/account/code/", {"email": alice.email.upper()})
    code = re.search(r"\n    (\S+)\n", mail.outbox[0].body)
    assert code
    assert [address.lower() for address in mail.outbox[0].to] == [alice.email]
    stranger.post("/account/code/confirm/", {"code": code[1]})
    assert not is_in(stranger)
    client.post("/account/code/confirm/", {"code": "AAAA-AAAA"})
    assert not is_in(client)
    client.post("/account/code/confirm/", {"code": code[1]})
    assert is_in(client)
    assert events("account.sign_in")[-1].payload["methods"] == ["code"]
    assert len(events("account.sign_in", "denied")) == 1


def test_an_unknown_and_a_suspended_address_look_the_same_and_get_no_mail(alice: User, sam: User) -> None:
    pages = []
    for email in (alice.email, sam.email, "nobody@example.org"):
        client = Client()
        client.post("/account/code/", {"email": email})
        pages.append(re.sub(r"\b[A-Za-z0-9]{64}\b", "", client.get("/account/code/confirm/").text.replace(email, "")))
    assert pages[0] == pages[1] == pages[2]
    assert [message.to for message in mail.outbox] == [[alice.email]]


def test_a_code_by_mail_does_not_replace_the_second_step(alice: User) -> None:
    Authenticator.objects.create(user=alice, type="totp", data={"secret": "x"})
    client = Client()
    client.post("/account/code/", {"email": alice.email})
    code = re.search(r"\n    (\S+)\n", mail.outbox[0].body)
    assert code
    answer = client.post("/account/code/confirm/", {"code": code[1]})
    assert answer.headers["Location"] == "/account/second-step/"
    assert not is_in(client)


def test_an_address_that_is_somebodys_no_more_opens_nothing(alice: User) -> None:
    client = Client()
    client.post("/account/code/", {"email": alice.email})
    code = re.search(r"\n    (\S+)\n", mail.outbox[0].body)
    assert code
    client.post("/account/code/confirm/", {"code": code[1]})
    assert is_in(client)
    former, alice.email = alice.email, "alice.new@example.org"
    alice.save()
    Client().post("/account/code/", {"email": former})
    Client().post("/account/password/reset/", {"email": former})
    assert len(mail.outbox) == 1
    Client().post("/account/code/", {"email": alice.email})
    assert len(mail.outbox) == 2


@override_settings(ACCOUNT_LOGIN_BY_CODE_ENABLED=False)
def test_codes_by_mail_can_be_taken_away(alice: User) -> None:
    assert Client().get("/account/code/").status_code == 404
    assert "/account/code/" not in Client().get("/account/login/").text


@pytest.mark.parametrize(
    ("required", "capability", "is_needed"),
    [
        (["admin"], "accounts.administer", True),
        (["admin"], "chat.edit_prompt", False),  # every employee has it too
        (["admin"], "moderation.review", False),
        (["moderator"], "moderation.review", True),
        (["accounts.administer"], "accounts.administer", True),
        (["accounts.administer"], "usage.read", False),
        (["employee"], "usage.read", True),
        ([], "accounts.administer", False),
    ],
)
def test_a_role_made_here_that_gives_what_a_named_one_gives_needs_one_too(
    required: list[str], capability: str, is_needed: bool, alice: User, ada: User, signed_in: SignIn, settings: Any
) -> None:
    settings.MFA_REQUIRED_ROLES = required
    role = factories.make_role(capabilities=[capability])
    User.objects.filter(pk=alice.pk).update(roles=["employee", role.slug])
    answer = signed_in(User.objects.get(pk=alice.pk)).get("/account/keys/")
    assert (answer.status_code == 302) is is_needed
    if "accounts.administer" in required:
        assert signed_in(ada).get("/account/keys/").status_code == 302, "whichever role gives it"
