"""Sockets of programs: what they may open, and that they close with the key or token that opened them, in a second."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import IssuedToken
from accounts.people.people import assign_roles, suspend_person
from accounts.programs.keys import Terms, create_key, end_previous_secret, rotate_key
from accounts.programs.oauth.consents import withdraw_consent
from accounts.programs.oauth.programs import end_program
from app.web.threads import in_thread
from tests import factories
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)
CLOSED = {"type": "close", "code": 4401}


@pytest.fixture
def program(ada):
    return factories.make_program(owner=ada)


@pytest.fixture
def consent(alice, program):
    return factories.make_consent(user=alice, program=program)


@pytest.fixture
def token(alice, program, consent):
    return factories.make_token(user=alice, program=program, consent=consent)


@pytest.mark.parametrize("by", ["withdrawing", "ending", "suspending", "other roles", "giving back"])
async def test_a_token_that_ends_takes_its_socket_along(
    by, running, conversation, alice, alice_key, ada, program, consent, token, rf
):
    deeds = {
        "withdrawing": lambda: withdraw_consent(actor=alice, consent=consent),
        "ending": lambda: end_program(actor=ada, program=program),
        "suspending": lambda: suspend_person(actor=ada, user=alice),
        "other roles": lambda: assign_roles(actor=ada, user=alice, roles=["employee", "owner"]),
        "giving back": lambda: _give_back(rf, program, token),
    }
    of_person = by in ("suspending", "other roles")
    async with Reader(conversation.id, key=token) as ended, Reader(conversation.id, key=alice_key) as other:
        await ended.ask("Hello?")
        await ended.until("done")
        await other.until("done")
        await in_thread(deeds[by])
        assert await ended.next(within=1) == CLOSED
        assert of_person or await other.nothing()
    async with Reader(conversation.id, key=token) as again:
        assert await again.next(within=1) == CLOSED


def _give_back(rf, program, token):
    from accounts.programs.oauth.views import revoke

    data = {"token": token, "client_id": str(program.pk), "client_secret": "parley-cs-" + "s" * 43}
    assert revoke(rf.post("/oauth/revoke", data, secure=True)).status_code == 200


async def test_a_socket_lasts_no_longer_than_what_opened_it(running, conversation, alice, program, consent):
    soon = timezone.now() + timedelta(seconds=1.5)
    token = await in_thread(lambda: factories.make_token(user=alice, program=program, consent=consent, expires_at=soon))
    key = await in_thread(lambda: factories.make_key(alice, expires_at=soon))
    async with Reader(conversation.id, key=token) as first, Reader(conversation.id, key=key) as second:
        for reader in (first, second):
            assert await reader.next(within=3) == CLOSED
    assert timezone.now() >= soon


async def test_the_secret_before_takes_its_own_sockets_along(running, conversation, alice):
    key, first = await in_thread(create_key, actor=alice, user=alice, name="script")
    second = await in_thread(lambda: rotate_key(actor=alice, key=key, overlap_hours=24))
    async with Reader(conversation.id, key=first) as ended, Reader(conversation.id, key=second) as other:
        await other.ask("Hello?")
        await other.until("done")
        await ended.until("done")
        await in_thread(lambda: end_previous_secret(actor=alice, key=key))
        assert await ended.next(within=1) == CLOSED
        assert await other.nothing()


async def test_a_program_without_the_right_to_ask_opens_no_socket(running, conversation, alice, program, consent):
    def make():
        terms = Terms(capabilities=["knowledge.search"])
        _, key = create_key(actor=alice, user=alice, name="script", terms=terms)
        token = factories.make_token(user=alice, program=program, consent=consent, scopes=["knowledge.search"])
        elsewhere = factories.make_key(alice, assistants=[factories.make_assistant(slug="other").pk])
        return {key: 4403, token: 4403, elsewhere: 4404}

    for secret, code in (await in_thread(make)).items():
        async with Reader(conversation.id, key=secret) as reader:
            assert await reader.next(within=1) == {"type": "close", "code": code}
    assert await in_thread(IssuedToken.objects.count) == 1
