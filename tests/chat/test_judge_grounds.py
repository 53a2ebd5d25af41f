"""What of an answer no passage supports: told with it, kept with it, and nothing of what claims nothing."""

import time
from uuid import uuid4

import pytest
from django.utils import timezone

from app.inference.registry import ensure_model, register_worker
from app.web.threads import in_thread
from chat import tasks
from chat.composing import grounds as grounds_module
from chat.composing.grounds import claims_in, judge, says_nothing
from chat.models import Assistant, Message
from chat.verbs.asking import start_conversation
from chat.writing import leases
from knowledge.models import GapQuestion
from knowledge.retrieval.found import Found
from knowledge.sources import Readers, create_source
from moderation.models import Case
from moderation.policies.writing import create_policy
from moderation.review.cases import claim_case, decide_case
from tests.chat.reading import Reader, text_of
from tests.knowledge.conftest import publish

__all__ = ["publish"]

PASSAGE = (
    "A full-time employee has 27 days of annual leave in a calendar year. "
    "Days that are left at the end of the year are carried over until the end of March."
)
LEAVE = f"# Annual leave\n\n{PASSAGE}\n"
GOOD = "A full-time employee has 27 days of annual leave in a calendar year [1]."
BAD = "The canteen serves lunch in the basement every weekday."
QUESTION = "How many days of annual leave do I have?"


def found(text=PASSAGE):
    return Found(
        passage_id=uuid4(),
        document_id=uuid4(),
        document_title="Annual leave",
        source="Handbook",
        version_id=uuid4(),
        version_number=1,
        heading_path=("Annual leave",),
        text=text,
        page=None,
        start=0,
        end=len(text),
        score=0.8,
        quote_start=0,
        quote_end=20,
    )


def said(text):
    return [text[one.start : one.end] for one in claims_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Hello Alice!",
        "Would you like to know more?",
        "I hope this helps you.",
        "Let me know if you need anything else.",
        "The passages do not answer this question.",
        "I'm not sure about that.",
        "The passage is not applicable to the question.",
        "There is no information about this in what I was given.",
        "Here are the rules:",
        "# How leave is counted",
        "```python\ndays = 27 + 5  # of leave in a year\n```",
        "[1][2]",
    ],
)
def test_what_claims_nothing_is_not_looked_at(text):
    assert said(text) == []


def test_sentences_items_and_rows_claim_something():
    text = f"{GOOD} {BAD}\n\n- Interns have 15 days.\n\n| Who | Days |\n|---|---|\n| Interns | 15 |\n"
    assert said(text) == [GOOD, BAD, "Interns have 15 days.", "| Interns | 15 |"]


def test_you_may_not_do_something_is_a_claim_all_the_same():
    assert len(said("You cannot take documents home with you.")) == 1
    assert says_nothing("The documents you may read do not say how much a parrot costs.")


@pytest.mark.django_db
@pytest.mark.usefixtures("embedding_weights")
@pytest.mark.parametrize(
    ("text", "unsupported"),
    [
        (GOOD, []),
        ("In a calendar year, full-time employees get 27 days of annual leave.", []),
        ("Leave that is left over is carried over until the end of March.", []),
        ("A full-time employee has 31 days of annual leave in a calendar year.", [0]),
        (BAD, [0]),
        (f"{GOOD} {BAD} Thanks!", [1]),
    ],
)
def test_a_claim_is_held_against_the_passages(text, unsupported):
    grounds = judge(text, [found()], QUESTION)
    claims = [(one.start, one.end) for one in claims_in(text)]
    assert grounds.unsupported == [claims[number] for number in unsupported]
    assert (grounds.claims, grounds.is_nothing) == (len(claims), len(claims) == len(unsupported))


@pytest.fixture
def researcher(transactional_db, embedding_weights, scripted_server, olivia, crew, publish):
    source = create_source(actor=olivia, name="Handbook", readers=Readers(groups=[crew.name], everyone=False))
    publish(source, "leave.md", LEAVE)
    model = ensure_model(name="scripted", role="generate")
    register_worker(model_name="scripted", address=scripted_server.url)
    return Assistant.objects.create(
        slug="researcher", name="Researcher", mode="generate", model=model, is_for_everyone=True
    )


@pytest.fixture
def answered(running, researcher, alice, alice_key, scripted_server):
    """``await answered("A text.", question)``: alice's question answered with that; the frames, and the answer."""

    async def put(text, question=QUESTION, until="done", **data):
        scripted_server.script(tokens=[text])
        conversation = await in_thread(start_conversation, alice, assistant=researcher)
        async with Reader(conversation.id, key=alice_key) as reader:
            await reader.ask(question)
            await reader.until(until, **data)
        return reader.frames, await Message.objects.aget(conversation=conversation, role="assistant")

    return put


@pytest.mark.django_db(transaction=True)
async def test_the_end_of_an_answer_tells_its_unsupported_sentences(answered, alice, with_key):
    frames, answer = await answered(f"{GOOD} {BAD}")
    span = {"start": len(GOOD) + 1, "end": len(GOOD) + 1 + len(BAD)}
    assert (frames[-1]["claims"], frames[-1]["unsupported"]) == (2, [span])
    client = await in_thread(with_key, alice)
    told = (await in_thread(client.get, f"/api/v1/messages/{answer.id}")).json()
    assert (told["claims"], told["unsupported"]) == (2, [span])
    assert told["text"][span["start"] : span["end"]] == BAD


@pytest.mark.django_db(transaction=True)
async def test_an_answer_that_rests_on_nothing_is_noted_as_unanswered(answered, alice, signed_in):
    _, answer = await answered("The gym opens at six in the morning.", "Is there a gym in the building?")
    assert answer.grounds["unsupported"] == [[0, 36]] and "near" in answer.grounds
    client = await in_thread(signed_in, alice)
    page = await in_thread(client.get, f"/c/{answer.conversation_id}/")
    assert "looking at whether to keep your question" in page.content.decode()
    await in_thread(tasks.note_gap, str(answer.id))
    assert await GapQuestion.objects.filter(message_id=answer.id).acount() == 1
    page = (await in_thread(client.get, f"/c/{answer.conversation_id}/")).content.decode()
    assert "Your question is kept as unanswered" in page
    assert "Nothing you may read supports this answer." in page


@pytest.mark.django_db(transaction=True)
async def test_it_names_who_keeps_the_nearest_source_and_nobody_of_a_hidden_one(answered, alice, olivia, signed_in):
    _, answer = await answered("Parrots may fly in the corridor after lunch.")
    client = await in_thread(signed_in, alice)
    address = f"/c/{answer.conversation_id}/"
    page = (await in_thread(client.get, address)).content.decode()
    assert "<strong>Olivia</strong>, who keeps “Handbook”" in page
    await in_thread(lambda: alice.groups_joined.clear())
    page = (await in_thread(client.get, address)).content.decode()
    assert "supports this answer" in page and "Olivia" not in page


@pytest.mark.django_db(transaction=True)
async def test_without_a_source_near_the_assistants_owner_is_named(answered, researcher, alice, dana, signed_in):
    researcher.owner = dana
    await researcher.asave()
    await in_thread(lambda: alice.groups_joined.clear())
    _, answer = await answered("Parrots may fly in the corridor after lunch.")
    client = await in_thread(signed_in, alice)
    page = (await in_thread(client.get, f"/c/{answer.conversation_id}/")).content.decode()
    assert "<strong>Dana</strong>, who answers for Researcher" in page


@pytest.mark.django_db(transaction=True)
async def test_an_answer_that_cannot_be_judged_ends_well_all_the_same(answered, monkeypatch, caplog):
    def break_down(*_):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(grounds_module, "judge", break_down)
    frames, answer = await answered(GOOD)
    assert (frames[-1]["state"], frames[-1]["claims"], answer.state) == ("done", None, "done")
    assert "out of memory" in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_while_it_is_judged_the_answer_stays_with_its_process(answered, monkeypatch):
    judge, is_held = grounds_module.judge, []

    def judge_slowly(*given):
        time.sleep(leases.LEASE_SECONDS * 2)
        is_held.append(Message.objects.filter(role="assistant", lease_until__gt=timezone.now()).exists())
        return judge(*given)

    monkeypatch.setattr(leases, "LEASE_SECONDS", 2)
    monkeypatch.setattr(grounds_module, "judge", judge_slowly)
    frames, answer = await answered(GOOD)
    assert (is_held, frames[-1]["state"], answer.state) == ([True], "done", "done")


@pytest.mark.django_db(transaction=True)
async def test_one_that_searches_nothing_is_not_judged(running, conversation, alice_key):
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("Write a poem.")
        done = await reader.until("done")
    assert (done["claims"], done["unsupported"]) == (None, [])


@pytest.mark.django_db(transaction=True)
async def test_nothing_is_told_of_what_is_held_and_the_same_once_it_is_released(
    answered, researcher, ada, alice, dana, with_key
):
    rule = {"name": "days", "scope": "question", "match": {"words": ["leave"]}, "action": "hold", "reason": "Wait."}
    researcher.policy = await in_thread(create_policy, ada, slug="days", name="Days", rules=[rule])
    await researcher.asave()
    frames, answer = await answered(f"{GOOD} {BAD}", until="status", state="held")
    assert text_of(frames) == ""
    client = await in_thread(with_key, alice)
    told = (await in_thread(client.get, f"/api/v1/messages/{answer.id}")).json()
    assert (told["claims"], told["unsupported"]) == (None, [])
    case = await Case.objects.aget(content_id=answer.id)
    await in_thread(claim_case, dana, case_id=case.id)
    await in_thread(decide_case, dana, case_id=case.id, action="approve", reason="", fence=1)
    told = (await in_thread(client.get, f"/api/v1/messages/{answer.id}")).json()
    assert (told["claims"], [told["text"][one["start"] : one["end"]] for one in told["unsupported"]]) == (2, [BAD])
