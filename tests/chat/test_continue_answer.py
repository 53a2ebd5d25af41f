"""Going on with an answer that broke off: the text it had, then the rest, judged and cited as a whole."""

import orjson
import pytest
from django.utils import timezone

from accounts.models import AuditEvent
from app.web.threads import in_thread
from chat.composing.taking_up import Kept
from chat.models import Assistant, Message
from chat.verbs.asking import start_conversation
from knowledge.models import Passage
from knowledge.sources import Readers, create_source
from moderation.models import Case
from moderation.policies.writing import create_policy, save_rules
from tests import factories
from tests.chat.reading import Reader, events_about, seqs_of, text_of
from tests.knowledge.conftest import publish

__all__ = ["publish"]

pytestmark = pytest.mark.django_db(transaction=True)

BEGUN, REST = ("The answer ", "is ", "twenty"), ("-five ", "days.")


async def break_off(reader: Reader, server, tokens=BEGUN, question: str = "How many?") -> dict:
    """An answer that its server dropped after ``tokens``."""
    server.then("die", tokens=tokens, after=len(tokens), pace=0.05)
    await reader.ask(question)
    return await reader.until("done", state="interrupted")


async def go_on(reader: Reader, broken: dict, **data) -> tuple[dict, list[dict]]:
    """Continue; the last frame of the new answer, and all of them."""
    begin = len(reader.frames)
    await reader.send(type="continue", message_id=broken["message_id"])
    last = await reader.until(**(data or {"kind": "done"}))
    return last, [frame for frame in reader.frames[begin:] if frame["message_id"] == last["message_id"]]


async def test_the_new_answer_has_the_kept_text_and_the_rest(running, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        broken = await break_off(reader, scripted_server)
        scripted_server.script(tokens=REST)
        done, frames = await go_on(reader, broken)
    assert done["state"] == "done"
    assert text_of(frames) == "The answer is twenty-five days."
    assert seqs_of(frames) == list(range(1, len(frames) + 1))
    old = await Message.objects.aget(pk=broken["message_id"])
    new = await Message.objects.aget(pk=done["message_id"])
    assert (new.text, new.continues_id, new.parent_id) == (text_of(frames), old.id, old.parent_id)
    assert (old.state, old.text) == ("interrupted", "The answer is twenty")
    assert await events_about(new.id, "message.continue") == 1
    assert await AuditEvent.objects.filter(action="message.continue", payload__instead_of=str(old.id)).acount() == 1


async def test_the_model_is_asked_to_go_on_from_what_was_shown(running, conversation, alice_key, scripted_server):
    async with Reader(conversation.id, key=alice_key) as reader:
        broken = await break_off(reader, scripted_server)
        scripted_server.script(tokens=REST)
        await go_on(reader, broken)
    first, second = [recorded.body["messages"] for recorded in scripted_server.requests]
    assert second[: len(first)] == first
    assert second[len(first)] == {"role": "assistant", "content": "The answer is twenty"}


async def test_an_answer_that_was_stopped_goes_on(running, conversation, alice_key, scripted_server):
    scripted_server.script(tokens=[f"{number} " for number in range(5000)], pace=0.02)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Count")
        delta = await reader.until("delta")
        await reader.send(type="stop", message_id=delta["message_id"])
        stopped = await reader.until("done")
        kept = (await Message.objects.aget(pk=stopped["message_id"])).text
        scripted_server.script(tokens=["and so on."])
        _, frames = await go_on(reader, stopped)
    assert text_of(frames) == kept + "and so on."


async def test_an_answer_that_was_cut_at_its_greatest_length_goes_on(alice, conversation, running, alice_key, writer):
    cut = await in_thread(_finished, conversation, "Once upon", {"finish_reason": "length"})
    async with Reader(conversation.id, key=alice_key) as reader:
        done, frames = await go_on(reader, {"message_id": str(cut.id)})
    assert done["state"] == "done"
    assert text_of(frames).startswith("Once upon")


async def test_what_cannot_be_continued_is_refused(running, conversation, alice_key, scripted_server):
    whole = await in_thread(_finished, conversation, "All of it.", {"finish_reason": "stop"})
    quoted = await in_thread(factories.make_answer, conversation=conversation, state=Message.State.STOPPED)
    empty = await in_thread(factories.make_broken_answer, conversation=conversation, text="")
    async with Reader(conversation.id, key=alice_key) as reader:
        for answer in (whole, quoted, empty):
            await reader.send(type="continue", message_id=str(answer.id))
            assert (await reader.next())["code"] == "bad_input"


async def test_an_answer_is_continued_once_at_a_time(running, conversation, alice_key, scripted_server):
    broken = await in_thread(factories.make_broken_answer, conversation=conversation)
    scripted_server.script(tokens=["and on "] * 5000, pace=0.02)
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.send(type="continue", message_id=str(broken.id))
        delta = await reader.until("delta")
        for message_id in (str(broken.id), delta["message_id"]):
            await reader.send(type="continue", message_id=message_id)
            assert (await reader.until("error"))["code"] == "conflict"
        await reader.send(type="stop", message_id=delta["message_id"])
        again, frames = await go_on(reader, await reader.until("done"), kind="delta")
        assert text_of(frames).startswith(broken.text)
        await reader.send(type="stop", message_id=again["message_id"])
        await reader.until("done")


async def test_a_match_across_the_seam_is_held(running, ada, conversation, alice_key, scripted_server, writer):
    async with Reader(conversation.id, key=alice_key) as reader:
        broken = await break_off(reader, scripted_server, ("All is well. ", "Then the ", "dis"))
        await in_thread(_hold, ada, writer, "dismissal")
        scripted_server.script(tokens=["missal ", "follows."])
        _, frames = await go_on(reader, broken, kind="status", state="held")
    shown = text_of(frames)
    assert shown.startswith("All is well.")
    assert "dis" not in shown
    case = await Case.objects.aget()
    assert case.answer == "All is well. Then the dismissal follows."


@pytest.mark.parametrize("kept", ["One two", "One two ", "One two\n\n"])
@pytest.mark.parametrize("first", ["three", " three", "\nthree"])
def test_the_blanks_at_the_seam_are_there_once(kept, first):
    text = kept.rstrip()
    begun = Kept(text, kept[len(text) :])
    said = text + begun.joined(first) + begun.joined(" four")
    assert said == (text + first if first[0].isspace() else kept + first) + " four"


@pytest.fixture
def handbook(transactional_db, embedding_weights, olivia, crew, publish, writer):
    """Two documents for Crew, and the writer searches."""
    source = create_source(actor=olivia, name="Handbook", readers=Readers(groups=[crew.name], everyone=False))
    publish(source, "leave.md", "# Leave\n\nA full-time employee has 27 days of annual leave in a calendar year.")
    publish(source, "care.md", "# Carers\n\nWho cares for somebody has 5 more days of annual leave in a year.")
    Assistant.objects.filter(pk=writer.pk).update(searches=True)
    return source


async def broken_with_evidence(reader: Reader, server) -> tuple[dict, list[dict]]:
    question = "How many days of annual leave do I have?"
    broken = await break_off(reader, server, ("There ", "are 27 days [1]", " and 5 more [2]", " so "), question)
    evidence = next(frame["passages"] for frame in reader.frames if frame["type"] == "evidence")
    assert len(evidence) == 2
    return broken, evidence


async def test_passages_and_their_numbers_stay(running, handbook, alice, alice_key, scripted_server, writer):
    conversation = await in_thread(start_conversation, alice, assistant=writer)
    async with Reader(conversation.id, key=alice_key) as reader:
        broken, evidence = await broken_with_evidence(reader, scripted_server)
        scripted_server.script(tokens=["32 in all [2]."])
        done, frames = await go_on(reader, broken)
    assert next(frame["passages"] for frame in frames if frame["type"] == "evidence") == evidence
    cited = next(frame["citations"] for frame in frames if frame["type"] == "citations")
    assert [one["number"] for one in cited] == [1, 2]
    assert done["state"] == "done"
    assert not [frame for frame in frames if frame.get("state") == "searching"]


@pytest.mark.parametrize("loss", ["disabled", "withdrawn", "source"])
async def test_passages_that_may_not_be_read_any_more_are_left_out(
    loss, running, handbook, alice, alice_key, scripted_server, writer
):
    conversation = await in_thread(start_conversation, alice, assistant=writer)
    async with Reader(conversation.id, key=alice_key) as reader:
        broken, evidence = await broken_with_evidence(reader, scripted_server)
        await in_thread(_lose, loss, evidence[0]["passage_id"])
        scripted_server.script(tokens=["32 in all [2]."])
        _, frames = await go_on(reader, broken)
    lost = [1, 2] if loss == "source" else [1]
    shown = [one["number"] for frame in frames if frame["type"] == "evidence" for one in frame["passages"]]
    cited = [one["number"] for frame in frames if frame["type"] == "citations" for one in frame["citations"]]
    assert shown == cited == [number for number in (1, 2) if number not in lost]
    prompt = orjson.dumps(scripted_server.requests[-1].body).decode()
    for passage in evidence:
        is_told = f'number=\\"{passage["number"]}\\"' in prompt and passage["quote"][:30] in prompt
        assert is_told == (passage["number"] not in lost)


def _finished(conversation, text: str, usage: dict) -> Message:
    answer = factories.make_broken_answer(conversation=conversation, text=text, state=Message.State.DONE)
    answer.generations.update(usage=usage)
    return answer


def _hold(ada, writer, word: str) -> None:
    policy = create_policy(ada, slug="hold", name="Hold")
    rule = {"name": "days", "scope": "answer", "match": {"words": [word]}, "action": "hold", "reason": "Careful."}
    save_rules(ada, policy=policy, rules=[rule])
    policy.refresh_from_db()
    Assistant.objects.filter(pk=writer.pk).update(policy=policy)


def _lose(loss: str, passage_id: str) -> None:
    passage = Passage.objects.select_related("version__document__source").get(pk=passage_id)
    if loss == "disabled":
        Passage.objects.filter(pk=passage_id).update(disabled_at=timezone.now())
    elif loss == "withdrawn":
        passage.version.withdrawn_at = timezone.now()
        passage.version.save()
    else:
        passage.version.document.source.groups.clear()
