"""Who may open a websocket: a page of this host with its session, or a program with its key."""

from __future__ import annotations

from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import override_settings

from accounts import audit
from accounts.models import User
from accounts.sockets import SignedIn
from app.web.threads import in_thread
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "127.0.0.1:8000"
ORIGIN = f"http://{HOST}"


async def inner(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Accepts, and says who it is."""
    await receive()
    await send({"type": "websocket.accept"})
    user = scope["user"]
    await send({"type": "websocket.send", "text": f"{user.email if user else None} {audit.request_id.get()}"})


async def connect(**headers: str) -> str | None:
    """Who the socket belongs to; None when it was refused before it was accepted."""
    sent = {"host": HOST, "x-request-id": "here", **headers}
    encoded = [(name.encode(), value.encode()) for name, value in sent.items()]
    socket = WebsocketCommunicator(SignedIn(inner), "/ws/", headers=encoded)
    connected, _ = await socket.connect()
    if not connected:
        return None
    said = await socket.receive_from()
    assert said.endswith(" here")
    return str(said.split()[0])


@pytest.fixture
def session(alice: User, signed_in: SignIn) -> str:
    cookie = signed_in(alice).cookies[settings.SESSION_COOKIE_NAME]
    return f"{settings.SESSION_COOKIE_NAME}={cookie.value}"


async def test_a_page_of_this_host_with_its_session(session: str) -> None:
    assert await connect(cookie=session, origin=ORIGIN) == "alice@example.org"


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1:9999",
        "http://127.0.0.1",
        "file://",
        f"{ORIGIN}.evil.example",
    ],
)
async def test_a_foreign_page_is_refused_with_and_without_a_session(session: str, origin: str) -> None:
    assert await connect(cookie=session, origin=origin) is None
    assert await connect(origin=origin) is None


async def test_a_session_without_an_origin_is_refused(session: str) -> None:
    assert await connect(cookie=session) is None


async def test_a_foreign_host_that_resolves_here_is_refused(session: str) -> None:
    assert await connect(cookie=session, origin="http://evil.example", host="evil.example") is None


async def test_a_trusted_origin_is_let_in(session: str) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=["https://parley.example"]):
        assert await connect(cookie=session, origin="https://parley.example") == "alice@example.org"


async def test_a_program_with_its_key_needs_no_origin(bob: User) -> None:
    secret = await in_thread(factories.make_key, bob)
    assert await connect(authorization=f"Bearer {secret}") == "bob@example.org"


async def test_a_wrong_key_is_nobody_even_beside_a_session(session: str) -> None:
    assert await connect(cookie=session, origin=ORIGIN, authorization="Bearer parley_wrong") == "None"


async def test_without_anything_there_is_no_user(db: None) -> None:
    assert await connect() == "None"
    assert await connect(origin=ORIGIN) == "None"
    assert await connect(cookie=f"{settings.SESSION_COOKIE_NAME}=forged", origin=ORIGIN) == "None"


async def test_a_suspended_person_has_neither_session_nor_key(alice: User, session: str) -> None:
    secret = await in_thread(factories.make_key, alice)
    await in_thread(User.objects.filter(pk=alice.pk).update, is_active=False)
    assert await connect(cookie=session, origin=ORIGIN) == "None"
    assert await connect(authorization=f"Bearer {secret}") == "None"
