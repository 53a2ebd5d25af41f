"""Appealing as a reader: the answer is held once more, another person decides, and the reader has it at once."""

import orjson
import pytest

from app.errors import ConflictError
from app.web.threads import in_thread
from chat.models import Message
from chat.streaming import telling
from chat.verbs.appealing import appeal_answer
from moderation.models import Case
from moderation.review.cases import claim_case, decide_case
from tests.chat.reading import Reader, seqs_of, text_of
from tests.chat.test_hold_answer import ANSWER, held, policy

__all__ = ["policy"]

pytestmark = pytest.mark.django_db(transaction=True)

WHY = "It is about my own pay."


async def decide(person, case, action, **words):
    claimed = await in_thread(claim_case, person, case_id=case.id)
    await in_thread(decide_case, person, case_id=case.id, action=action, fence=claimed.fence, **{"reason": "", **words})


@pytest.fixture
def decided(running, policy, conversation, alice_key, dana):
    """``await decided("reject", reason="…")``: a held answer that dana decided about, with its case."""

    async def put(action, **words):
        async with Reader(conversation.id, key=alice_key) as reader:
            status, case = await held(reader, "What is my salary?")
            await decide(dana, case, action, **words)
            await reader.until("done")
        return await Message.objects.aget(pk=status["message_id"]), case

    return put


async def test_a_rejected_answer_is_held_again_and_released_live(decided, conversation, alice, alice_key, erin):
    answer, case = await decided("reject", reason="Please ask your manager.")
    async with Reader(conversation.id, key=alice_key, after=answer.seq) as reader:
        await in_thread(appeal_answer, alice, answer=answer, text=WHY)
        status = await reader.until("status", state="held")
        assert await reader.nothing()
        assert ANSWER not in orjson.dumps(reader.frames).decode()
        await decide(erin, case, "approve")
        done = await reader.until("done")
    assert status["seq"] == answer.seq + 1
    assert (done["state"], done["reason"], text_of(reader.frames)) == ("released", "", ANSWER)
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.state, answer.text, answer.held_text, answer.error) == ("released", ANSWER, "", "")


async def test_all_that_was_told_is_told_again_as_it_was(decided, conversation, alice, alice_key, erin):
    answer, case = await decided("reject", reason="Please ask your manager.")
    before = [event.frame for event in telling.retell(await in_thread(telling.load, answer.id))]
    await in_thread(appeal_answer, alice, answer=answer, text=WHY)
    await decide(erin, case, "approve")
    after = telling.retell(await in_thread(telling.load, answer.id))
    assert [event.frame for event in after][: len(before)] == before
    async with Reader(conversation.id, key=alice_key, after=0) as reader:
        await reader.until("done", state="released")
    assert seqs_of(reader.frames) == [event.seq for event in after]
    assert [frame["state"] for frame in reader.frames if frame["type"] == "done"] == ["rejected", "released"]
    assert text_of(reader.frames) == ANSWER


async def test_a_second_rejection_is_final(decided, alice, erin, with_key):
    answer, case = await decided("reject", reason="Please ask your manager.")
    client = await in_thread(with_key, alice)
    address = f"/api/v1/messages/{answer.id}"
    assert (await in_thread(client.get, address)).json()["may_appeal"]
    said = await in_thread(client.post, f"{address}/appeal", {"text": WHY}, content_type="application/json")
    assert said.status_code == 202
    told = (await in_thread(client.get, address)).json()
    assert (told["state"], told["review"]["place"], told["review"]["is_appeal"]) == ("held", 1, True)
    assert not told["may_appeal"] and ANSWER not in orjson.dumps(told).decode()
    await decide(erin, case, "reject", reason="It stays private.")
    told = (await in_thread(client.get, address)).json()
    assert (told["state"], told["reason"], told["may_appeal"]) == ("rejected", "It stays private.", False)
    again = await in_thread(client.post, f"{address}/appeal", {"text": WHY}, content_type="application/json")
    assert again.status_code == 409


async def test_an_edited_answer_keeps_its_text_and_gets_the_first_one_below(decided, alice, erin):
    answer, case = await decided("edit", reason="Clearer.", text="Ask the People team.")
    assert answer.error == "Clearer."
    await in_thread(appeal_answer, alice, answer=answer, text=WHY)
    await decide(erin, case, "approve")
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.state, answer.text) == ("released", f"Ask the People team.\n\n{ANSWER}")
    events = telling.retell(await in_thread(telling.load, answer.id))
    assert "".join(event.data["text"] for event in events if event.type == "delta") == answer.text


async def test_an_edit_that_stands_stays_an_edit(decided, alice, erin):
    answer, case = await decided("edit", text="Ask the People team.")
    await in_thread(appeal_answer, alice, answer=answer, text=WHY)
    await decide(erin, case, "reject", reason="The edit is right.")
    answer = await Message.objects.aget(pk=answer.pk)
    assert (answer.state, answer.text, answer.error) == ("edited", "Ask the People team.", "The edit is right.")


async def test_what_was_released_or_is_somebody_elses_cannot_be_appealed_against(decided, alice, charlie, with_key):
    answer, _ = await decided("approve")
    with pytest.raises(ConflictError, match="withheld or edited"):
        await in_thread(appeal_answer, alice, answer=answer, text=WHY)
    client = await in_thread(with_key, charlie)
    address = f"/api/v1/messages/{answer.id}/appeal"
    said = await in_thread(client.post, address, {"text": WHY}, content_type="application/json")
    assert said.status_code == 404


async def test_an_appeal_without_words_changes_nothing(decided, alice, with_key):
    answer, case = await decided("reject", reason="No.")
    client = await in_thread(with_key, alice)
    address = f"/api/v1/messages/{answer.id}/appeal"
    said = await in_thread(client.post, address, {"text": "  "}, content_type="application/json")
    assert said.status_code == 422
    assert (await Message.objects.aget(pk=answer.pk)).state == "rejected"
    assert (await Case.objects.aget(pk=case.pk)).state == "final"


async def test_citations_come_back_with_a_release(running, policy, writer, alice, alice_key, olivia, dana, erin):
    from tests import factories

    source = await in_thread(lambda: factories.make_source(owner=olivia))
    document = await in_thread(lambda: factories.make_document(source=source))
    passage = await in_thread(lambda: document.versions.get().passages.get())
    card = {
        "number": 1,
        "passage_id": str(passage.id),
        "document_id": str(document.id),
        "document_title": document.title,
        "version": 1,
        "source": source.name,
        "heading_path": [],
        "page": None,
        "start": passage.start,
        "end": passage.end,
        "quote": passage.text,
    }
    conversation = await in_thread(lambda: factories.make_conversation(owner=alice, assistant=writer))
    words = {"text": "", "held_text": "You have 28 days. [1]", "state": "held", "evidence": [card]}
    log = [[1, "accepted", None], [2, "status", {"state": "held", "detail": "Wait."}]]
    answer = await in_thread(lambda: factories.make_answer(conversation=conversation, log=log, seq=2, **words))
    shown = {"answer": "You have 28 days. [1]", "context": [card]}
    case = await in_thread(lambda: factories.make_case(subject=alice, content_id=answer.id, **shown))
    await decide(dana, case, "reject", reason="No.")
    await answer.arefresh_from_db()
    assert answer.evidence == [] and not await answer.citations.aexists()
    await in_thread(appeal_answer, alice, answer=answer, text=WHY)
    await decide(erin, case, "approve")
    async with Reader(conversation.id, key=alice_key, after=0) as reader:
        await reader.until("done", state="released")
    citations = next(frame for frame in reader.frames if frame["type"] == "citations")
    evidence = next(frame for frame in reader.frames if frame["type"] == "evidence")
    assert [one["passage_id"] for one in citations["citations"]] == [str(passage.id)]
    assert evidence["passages"][0]["quote"] == passage.text
