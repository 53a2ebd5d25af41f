"""Where one is signed in, and how it ends: what a session or key opened closes within a second of its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Device, User
from accounts.people import people
from accounts.programs.keys import revoke_key
from accounts.signing_in import devices
from accounts.signing_in.second_step import reset_second_step
from app.asgi import application
from app.web.threads import in_thread
from chat.models import Conversation
from chat.writing.runner import runner
from tests import factories
from tests.conftest import SignIn
from tests.factories import PASSWORD
from tests.recorded import recorded

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1 Version/18.1 Mobile Safari/604.1"


def browser_of(user: User, agent: str = FIREFOX, address: str = "192.0.2.7") -> Client:
    """A browser that has signed in by the form."""
    client = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_the_page_lists_each_device_and_marks_this_one(alice: User, bob: User) -> None:
    browser_of(bob, address="203.0.113.9")
    here, _there = browser_of(alice), browser_of(alice, PHONE, "198.51.100.4")
    page = here.get("/account/sessions/").text
    for words in ("Firefox on Windows", "Safari on iPhone", "192.0.2.7", "198.51.100.4"):
        assert words in page
    assert "203.0.113.9" not in page
    assert page.index("this one") < page.index("Safari on iPhone")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0",
            "Edge on Linux",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_1) AppleWebKit/605.1 Version/18 Safari/605.1", "Safari on macOS"),
        (
            "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/141.0 Mobile Safari/537",
            "Chrome on Android",
        ),
        ("curl/8", "A browser that does not say what it is"),
        ("", "A browser that does not say what it is"),
    ],
)
def test_a_device_is_called_what_people_call_it(agent: str, said: str) -> None:
    assert devices.describe(agent) == said


def test_what_a_browser_claims_to_be_is_text(alice: User) -> None:
    client = browser_of(alice, "<script>alert(1)</script>\x07" * 40)
    assert "<script>alert" not in client.get("/account/sessions/").text
    assert len(Device.objects.get().agent) == 300


def test_one_device_is_signed_out_and_the_others_stay(alice: User) -> None:
    here, there, third = browser_of(alice), browser_of(alice), browser_of(alice)
    own = Device.objects.get(session_key=there.cookies[settings.SESSION_COOKIE_NAME].value)
    here.post(f"/account/sessions/{own.pk}/end")
    assert there.get("/account/sessions/").status_code == 302
    assert third.get("/account/sessions/").status_code == here.get("/account/sessions/").status_code == 200
    event = recorded(action="session.end").get()
    assert (event.actor, event.object) == (str(alice.pk), f"device:{own.pk}")


def test_ending_ones_own_session_leads_to_the_sign_in_page(alice: User) -> None:
    here = browser_of(alice)
    answer = here.post(f"/account/sessions/{Device.objects.get().pk}/end")
    assert answer.headers["Location"] == "/account/login/"
    assert not Session.objects.filter(session_key=here.cookies[settings.SESSION_COOKIE_NAME].value).exists()


def test_all_others_are_signed_out_at_once(alice: User, bob: User) -> None:
    here, there, of_bob = browser_of(alice), browser_of(alice), browser_of(bob)
    assert "One other device is signed out" in here.post("/account/sessions/end-others", follow=True).text
    assert there.get("/account/sessions/").status_code == 302
    assert here.get("/account/sessions/").status_code == of_bob.get("/account/sessions/").status_code == 200
    assert recorded(action="session.end_others").get().payload == {"ended": 1}
    assert "nowhere else" in here.post("/account/sessions/end-others", follow=True).text


def test_anothers_device_is_not_there(alice: User, bob: User) -> None:
    browser_of(bob)
    device = Device.objects.get()
    assert browser_of(alice).post(f"/account/sessions/{device.pk}/end").status_code == 404
    assert Device.objects.filter(pk=device.pk).exists()


def test_signing_out_here_leaves_the_others_signed_in(alice: User) -> None:
    here, there = browser_of(alice), browser_of(alice)
    here.post("/account/logout/")
    assert there.get("/account/sessions/").status_code == 200
    assert Device.objects.count() == 1


def test_a_session_from_before_there_were_devices_gets_one(alice: User) -> None:
    client = browser_of(alice)
    session = client.session
    del session[devices.DEVICE]
    session.save()
    Device.objects.all().delete()
    assert "this one" in client.get("/account/sessions/").text


def test_being_in_use_is_noted_without_a_statement_for_each_request(alice: User) -> None:
    client = browser_of(alice)
    Device.objects.update(seen_at=timezone.now() - timedelta(days=1), address="")
    with CaptureQueriesContext(connection) as captured:
        client.get("/account/keys/")
        client.get("/account/keys/")
    assert not [query for query in captured.captured_queries if "accounts_device" in query["sql"]]
    devices._seen._at.clear()
    with CaptureQueriesContext(connection) as captured:
        client.get("/account/keys/")
        client.get("/account/keys/")
    assert len([query for query in captured.captured_queries if "accounts_device" in query["sql"]]) == 1
    assert Device.objects.get().address == "192.0.2.7"


def test_what_has_run_out_is_not_listed_and_goes(alice: User) -> None:
    here = browser_of(alice)
    browser_of(alice, PHONE)
    gone = Device.objects.get(agent=PHONE)
    Session.objects.filter(session_key=gone.session_key).update(expire_date=timezone.now() - timedelta(minutes=1))
    Device.objects.update(seen_at=timezone.now() - timedelta(days=20))
    assert "iPhone" not in here.get("/account/sessions/").text
    assert devices.forget_ended() == 1
    assert not Session.objects.filter(session_key=gone.session_key).exists()
    assert here.get("/account/sessions/").status_code == 200


# ---------------------------------------------------------------- open lines


class Line:
    """An open socket of alice's conversation."""

    def __init__(self, conversation: Conversation, *, session: str = "", key: str = "") -> None:
        headers = [(b"host", b"127.0.0.1:8000")]
        if session:
            cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
            headers += [(b"origin", b"http://127.0.0.1:8000"), (b"cookie", cookie.encode())]
        if key:
            headers.append((b"authorization", f"Bearer {key}".encode()))
        path = f"/ws/conversations/{conversation.id}/"
        self.socket = WebsocketCommunicator(application, path, headers=headers, subprotocols=["parley.v1+json"])

    async def open(self) -> Line:
        assert (await self.socket.connect(timeout=5))[0]
        assert await self.socket.receive_nothing(timeout=0.2)
        return self

    async def closes(self) -> tuple[int, float]:
        """The code it is closed with, and after how many seconds."""
        began = time.monotonic()
        message = await self.socket.receive_output(timeout=5)
        assert message["type"] == "websocket.close", message
        return int(message["code"]), time.monotonic() - began

    async def stays(self) -> bool:
        return bool(await self.socket.receive_nothing(timeout=0.3))


def end_one(alice: User, ada: User, client: Client) -> None:
    """As alice, from another of her devices."""
    device = Device.objects.get(session_key=client.cookies[settings.SESSION_COOKIE_NAME].value)
    devices.end_session(actor=alice, device=device)


def end_others(alice: User, ada: User, client: Client) -> None:
    devices.end_other_sessions(actor=alice, but=None)


def sign_out(alice: User, ada: User, client: Client) -> None:
    assert client.post("/account/logout/").status_code == 302


def suspend(alice: User, ada: User, client: Client) -> None:
    people.suspend_person(actor=ada, user=alice)


def change_roles(alice: User, ada: User, client: Client) -> None:
    people.assign_roles(actor=ada, user=alice, roles=["employee", "owner"])


def change_password(alice: User, ada: User, client: Client) -> None:
    new = "Another-Horse-8-Battery"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/account/password/change/", form).status_code == 302


def lose_second_step(alice: User, ada: User, client: Client) -> None:
    reset_second_step(actor=ada, user=alice)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "end", [end_one, end_others, sign_out, suspend, change_roles, change_password, lose_second_step]
)
async def test_the_lines_of_a_session_close_within_a_second_of_its_end(
    end: Callable[[User, User, Client], None], alice: User, ada: User, record_property: Callable[[str, object], None]
) -> None:
    conversation = await in_thread(factories.make_conversation, owner=alice)
    client = await in_thread(browser_of, alice)
    line = await Line(conversation, session=client.cookies[settings.SESSION_COOKIE_NAME].value).open()
    try:
        await in_thread(end, alice, ada, client)
        code, seconds = await line.closes()
        record_property("seconds", round(seconds, 3))
        assert code == 4401
        assert seconds < 1
        again = Line(conversation, session=client.cookies[settings.SESSION_COOKIE_NAME].value or "gone")
        await again.socket.connect(timeout=5)
        assert (await again.closes())[0] == 4401
    finally:
        await runner.drain(1)


@pytest.mark.django_db(transaction=True)
async def test_only_the_lines_of_what_ended_close(alice: User, ada: User, signed_in: SignIn) -> None:
    conversation = await in_thread(factories.make_conversation, owner=alice)
    here, there = [await in_thread(browser_of, alice) for _ in range(2)]
    secret = await in_thread(factories.make_key, alice)
    name = settings.SESSION_COOKIE_NAME
    first = await Line(conversation, session=here.cookies[name].value).open()
    second = await Line(conversation, session=there.cookies[name].value).open()
    third = await Line(conversation, key=secret).open()
    try:
        await in_thread(sign_out, alice, ada, here)
        assert (await first.closes())[0] == 4401
        assert await second.stays()
        assert await third.stays()
        key = await in_thread(ApiKey.objects.get, user=alice)
        await in_thread(lambda: revoke_key(actor=alice, key=key))
        code, seconds = await third.closes()
        assert (code, seconds < 1) == (4401, True)
        assert await second.stays()
    finally:
        await second.socket.disconnect()
        await runner.drain(1)
