"""Suspending somebody, or revoking a key, ends their open lines within a second."""

import pytest

from accounts.people.people import suspend_person
from accounts.programs.keys import create_key, revoke_key
from app.web.threads import in_thread
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_suspended_persons_socket_closes_at_once(running, conversation, alice, alice_key, ada):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Hello?")
        await reader.until("done")
        await in_thread(suspend_person, actor=ada, user=alice)
        assert await reader.next(within=1) == {"type": "close", "code": 4401}


async def test_a_suspended_person_cannot_come_back(running, conversation, alice, alice_key, ada):
    await in_thread(suspend_person, actor=ada, user=alice)
    async with Reader(conversation.id, key=alice_key) as reader:
        assert (await reader.next())["code"] in (4401, 4404)


async def test_a_revoked_keys_socket_closes_and_those_of_other_keys_stay(running, conversation, alice, alice_key):
    key, secret = await in_thread(create_key, actor=alice, user=alice, name="script")
    async with Reader(conversation.id, key=secret) as ended, Reader(conversation.id, key=alice_key) as other:
        await other.ask("Hello?")
        await other.until("done")
        await ended.until("done")
        await in_thread(revoke_key, actor=alice, key=key)
        assert await ended.next(within=1) == {"type": "close", "code": 4401}
        assert await other.nothing()
