"""Holding: no byte of a held answer leaves before a moderator releases it, and then the reader has it at once."""

import orjson
import pytest

from app.web.threads import in_thread
from chat.models import Message
from moderation.models import Case
from moderation.policies.writing import create_policy, save_rules
from moderation.review.cases import claim_case, decide_case
from tests.chat.reading import Reader, events_about, text_of

pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "The answer is twenty-five days, as the handbook says."


@pytest.fixture
def policy(ada, writer):
    policy = create_policy(ada, slug="hold", name="Hold")
    rules = [
        {"name": "pay", "scope": "question", "match": {"words": ["salary"]}, "action": "hold", "reason": "About pay."},
        {"name": "days", "scope": "answer", "match": {"words": ["dismissal"]}, "action": "hold", "reason": "Careful."},
        {
            "name": "no",
            "scope": "question",
            "match": {"words": ["forbidden"]},
            "action": "block",
            "reason": "Not here.",
        },
    ]
    save_rules(ada, policy=policy, rules=rules)
    policy.refresh_from_db()
    writer.policy = policy
    writer.save()
    return policy


@pytest.fixture
def decide(dana):
    async def decide(case: Case, action: str, **words: str) -> None:
        claimed = await in_thread(claim_case, dana, case_id=case.id)
        await in_thread(decide_case, dana, case_id=case.id, action=action, fence=claimed.fence, **words)

    return decide


async def held(reader: Reader, question: str) -> tuple[dict, Case]:
    await reader.ask(question)
    status = await reader.until("status", state="held")
    return status, await Case.objects.aget(content_id=status["message_id"])


async def test_a_held_answer_shows_its_reader_nothing_but_the_reason(running, policy, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        status, case = await held(reader, "What is my salary?")
        assert status["detail"] == "About pay."
        assert await reader.nothing()
    assert text_of(reader.frames) == ""
    assert "twenty" not in orjson.dumps(reader.frames).decode()
    assert case.answer == ANSWER
    assert case.subject_id == conversation.owner_id


async def test_an_approved_answer_reaches_its_reader_live(running, policy, conversation, alice_key, decide):
    async with Reader(conversation.id, key=alice_key) as reader:
        status, case = await held(reader, "What is my salary?")
        await decide(case, "approve", reason="")
        done = await reader.until("done")
    assert done["state"] == "released"
    assert text_of(reader.frames) == ANSWER
    message = await Message.objects.aget(pk=status["message_id"])
    assert (message.state, message.text, message.held_text) == ("released", ANSWER, "")


async def test_a_reader_who_was_away_gets_it_from_the_row(running, policy, conversation, alice_key, decide):
    async with Reader(conversation.id, key=alice_key) as reader:
        status, case = await held(reader, "What is my salary?")
    await decide(case, "approve", reason="")
    async with Reader(conversation.id, key=alice_key, after=status["seq"]) as later:
        await later.until("done")
    assert text_of(later.frames) == ANSWER


async def test_an_edited_answer_is_the_moderators_text(running, policy, conversation, alice_key, decide):
    async with Reader(conversation.id, key=alice_key) as reader:
        _, case = await held(reader, "What is my salary?")
        await decide(case, "edit", reason="clearer", text="Ask the People team.")
        done = await reader.until("done")
    assert done["state"] == "edited"
    assert text_of(reader.frames) == "Ask the People team."


async def test_a_rejected_answer_gives_the_reason_alone(running, policy, conversation, alice_key, decide):
    async with Reader(conversation.id, key=alice_key) as reader:
        _, case = await held(reader, "What is my salary?")
        await decide(case, "reject", reason="Please ask your manager.")
        done = await reader.until("done")
    assert (done["state"], done["reason"]) == ("rejected", "Please ask your manager.")
    assert text_of(reader.frames) == ""
    assert await events_about(done["message_id"], "message.held") == 1


async def test_a_match_in_the_middle_keeps_back_the_rest(
    running, policy, conversation, alice_key, decide, scripted_server
):
    tokens = ["All is well. ", "Then ", "the dis", "missal", " of staff ", "follows."]
    scripted_server.script(tokens=tokens, pace=0.06)
    async with Reader(conversation.id, key=alice_key) as reader:
        _, case = await held(reader, "What happens?")
        shown = text_of(reader.frames)
        assert shown.startswith("All is well.")
        assert "dis" not in shown
        assert case.answer == "".join(tokens)
        await decide(case, "approve", reason="")
        await reader.until("done")
    assert text_of(reader.frames) == "".join(tokens)


async def test_a_blocked_question_reaches_no_model(running, policy, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Tell me the forbidden thing")
        error = await reader.until("error")
        done = await reader.until("done")
    assert (error["code"], error["message"], done["state"]) == ("blocked", "Not here.", "blocked")
    assert scripted_server.requests == []


async def test_held_text_is_no_part_of_the_next_prompt(running, policy, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        await held(reader, "What is my salary?")
        await reader.ask("And the weather?")
        await reader.until("done")
    assert ANSWER not in orjson.dumps(scripted_server.requests[-1].body).decode()
