"""A conversation's socket, opened by every kind of caller, and used on what is not the caller's."""

from __future__ import annotations

from uuid import uuid4

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings

from accounts.models import Group, User
from app.asgi import application
from app.web.threads import in_thread
from chat.models import Message
from chat.writing.runner import runner
from tests import factories
from tests.architecture.access_matrix import SOCKET_ACTIONS
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = "http://127.0.0.1:8000"


def open_socket(client: object, conversation_id: object) -> WebsocketCommunicator:
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)  # type: ignore[attr-defined]
    headers = [(b"host", b"127.0.0.1:8000"), (b"origin", ORIGIN.encode())]
    if cookie:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    path = f"/ws/conversations/{conversation_id}/"
    return WebsocketCommunicator(application, path, headers=headers, subprotocols=["parley.v1+json"])


async def close_code(socket: WebsocketCommunicator) -> int | None:
    """How the socket was closed; None when it stays open and silent."""
    connected, _ = await socket.connect(timeout=5)
    assert connected
    if await socket.receive_nothing(timeout=0.3):
        return None
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close", message
    return int(message["code"])


async def test_only_the_owner_may_listen(
    alice: User, bob: User, charlie: User, dana: User, aaron: User, ada: User, sam: User, crew: Group, signed_in: SignIn
) -> None:
    conversation = await in_thread(factories.make_conversation, owner=alice)
    expected = {alice: None, None: 4401, sam: 4401} | dict.fromkeys((bob, charlie, dana, aaron, ada), 4404)
    try:
        for person, code in expected.items():
            socket = open_socket(await in_thread(signed_in, person), conversation.id)
            assert await close_code(socket) == code, person
            await socket.disconnect()
            if person is not None and code == 4404:
                nothing = open_socket(await in_thread(signed_in, person), uuid4())
                assert await close_code(nothing) == code
    finally:
        await runner.drain(1)


@pytest.mark.parametrize("action", sorted(SOCKET_ACTIONS))
async def test_anothers_message_in_ones_own_conversation_is_not_there(
    action: str, alice: User, bob: User, signed_in: SignIn
) -> None:
    hers = await in_thread(factories.make_conversation, owner=alice)
    answer = await in_thread(factories.make_answer, conversation=hers)
    his = await in_thread(factories.make_conversation, owner=bob)
    socket = open_socket(await in_thread(signed_in, bob), his.id)
    try:
        await socket.connect()
        frame = {"type": action, "text": "And?", "parent_id": str(answer.id), "message_id": str(answer.id)}
        await socket.send_json_to(frame)
        said = await socket.receive_json_from(timeout=5)
        assert (said["type"], said["code"]) == ("error", "not_found")
        await socket.disconnect()
        assert await in_thread(Message.objects.filter(conversation=hers).count) == 2
        assert await in_thread(Message.objects.filter(conversation=his).count) == 0
    finally:
        await runner.drain(1)
