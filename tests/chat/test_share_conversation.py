"""Sharing a conversation: for whom it opens and until when, what its readers see, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AuditEvent, Group, User
from app.errors import BadInputError, ConflictError
from chat.composing.quotation import say
from chat.composing.withholding import RUN, as_seen_by, heads_seen_by
from chat.models import Attachment, AttachmentPassage, Conversation, Message, Share
from chat.verbs import sharing
from chat.writing.forgetting_files import delete_file
from knowledge.models import Passage
from knowledge.retrieval.found import Found
from knowledge.retrieval.quoting import Quote
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db

OPEN = "Everybody may take 28 days of leave in a calendar year, and five more after ten years."
CLOSED = "The band of a senior engineer runs from fifty-six to seventy-two thousand euros a year."
WITHHELD = "You do not have access to this source."


def week() -> Any:
    return timezone.now() + timedelta(days=7)


def passage_of(owner: User, text: str, *, title: str, groups: list[Group]) -> Passage:
    source = factories.make_source(owner=owner, name=f"Source of {title}", groups=groups)
    return factories.make_document(source=source, title=title, paragraphs=[text]).versions.get().passages.get()


@pytest.fixture
def open_passage(olivia: User, crew: Group) -> Passage:
    return passage_of(olivia, OPEN, title="Leave", groups=[crew])


@pytest.fixture
def closed_passage(olivia: User, alice: User) -> Passage:
    """alice may read it, bob may not."""
    return passage_of(olivia, CLOSED, title="Salary bands", groups=[factories.make_group("Pay", members=[alice])])


@pytest.fixture
def leave(alice: User) -> Conversation:
    return factories.make_conversation(owner=alice, title="Leave and pay")


def answer_in(
    conversation: Conversation, text: str, *, cited: list[Passage], evidence: Sequence[Passage] = (), **fields: Any
) -> Message:
    """An answer that cites ``cited`` as 1, 2, …, and was shown with ``evidence`` besides."""
    cards = [
        {"passage_id": str(one.pk), "quote": one.text, "number": n} for n, one in enumerate([*cited, *evidence], 1)
    ]
    fields = {"log": [[1, "accepted", None], [2, "evidence", None]], "evidence": cards, **fields}
    answer = factories.make_answer(conversation=conversation, text=text, **fields)
    for number, one in enumerate(cited, 1):
        factories.make_citation(message=answer, passage=one, number=number)
    return answer


def path_of(share: Share) -> str:
    return reverse("chat:shared", args=[sharing.token_of(share)])


# --- for whom, and until when ---


def test_who_is_named_can_read_it_and_nobody_else(
    alice: User, bob: User, charlie: User, crew: Group, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    dora = factories.make_user("dora", groups=[crew])
    share = sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=week())
    path = path_of(share)
    assert signed_in(bob).get(path).status_code == 200
    assert signed_in(alice).get(path).status_code == 200
    nothing = reverse("chat:shared", args=["x" * 43])
    for outsider in (charlie, dora):
        assert signed_in(outsider).get(path).status_code == signed_in(outsider).get(nothing).status_code == 404
    assert signed_in(None).get(path).headers["Location"].startswith("/account/login/")


def test_members_of_a_group_can_read_it_as_long_as_they_are_in_it(
    alice: User, bob: User, crew: Group, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    share = sharing.share_conversation(alice, conversation=leave, people=[], groups=[crew], expires_at=week())
    assert signed_in(bob).get(path_of(share)).status_code == 200
    crew.members.remove(bob)
    assert signed_in(bob).get(path_of(share)).status_code == 404


def test_what_ends_it_ends_it_at_once(alice: User, bob: User, leave: Conversation, signed_in: SignIn) -> None:
    factories.make_answer(conversation=leave)
    share = factories.make_share(conversation=leave, people=[bob])
    reading = signed_in(bob)
    assert reading.get(path_of(share)).status_code == 200
    sharing.revoke_share(alice, share=share)
    assert reading.get(path_of(share)).status_code == signed_in(alice).get(path_of(share)).status_code == 404
    sharing.restore_share(alice, share=share)
    assert reading.get(path_of(share)).status_code == 200
    Conversation.objects.filter(pk=leave.pk).update(deleted_at=timezone.now())
    assert reading.get(path_of(share)).status_code == 404
    Conversation.objects.filter(pk=leave.pk).update(deleted_at=None)
    Share.objects.filter(pk=share.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert reading.get(path_of(share)).status_code == 404
    share.refresh_from_db()
    with pytest.raises(ConflictError, match="expired"):
        sharing.restore_share(alice, share=share)


def test_it_is_shared_within_one_s_groups_alone(
    alice: User, bob: User, charlie: User, sam: User, leave: Conversation
) -> None:
    factories.make_answer(conversation=leave)
    others = factories.make_group("Others", members=[charlie])
    for people, groups in (([charlie], []), ([sam], []), ([alice], []), ([], [others]), ([bob, charlie], [])):
        with pytest.raises(BadInputError, match="one of them"):
            sharing.share_conversation(alice, conversation=leave, people=people, groups=groups, expires_at=week())
    with pytest.raises(BadInputError, match="at least one"):
        sharing.share_conversation(alice, conversation=leave, people=[], groups=[], expires_at=week())


@pytest.mark.parametrize("days", [-1, 0, 91])
def test_its_last_day_is_to_come_and_not_too_far(alice: User, bob: User, leave: Conversation, days: int) -> None:
    factories.make_answer(conversation=leave)
    at = timezone.now() + timedelta(days=days)
    with pytest.raises(BadInputError, match="day"):
        sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=at)


def test_the_token_is_not_in_the_database(leave: Conversation) -> None:
    factories.make_answer(conversation=leave)
    share = factories.make_share(conversation=leave)
    token = sharing.token_of(share)
    assert len(token) == 43
    (row,) = Share.objects.values()
    assert token not in str(row)


def test_another_secret_key_leaves_links_and_shows_none(leave: Conversation, settings: Any) -> None:
    factories.make_answer(conversation=leave)
    share = factories.make_share(conversation=leave)
    assert sharing.find_token(share)
    settings.SECRET_KEY = "another"
    assert sharing.find_token(share) is None


# --- what is in it ---


def test_later_messages_and_other_branches_are_not_in_it(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn
) -> None:
    question = factories.make_message(conversation=leave, text="First question?")
    factories.make_answer(conversation=leave, parent=question, text="An older version.")
    chosen = factories.make_answer(conversation=leave, parent=question, text="The chosen version.")
    share = factories.make_share(conversation=leave, people=[bob])
    later = factories.make_message(conversation=leave, parent=chosen, text="A later question?")
    factories.make_answer(conversation=leave, parent=later, text="A later answer.")
    page = signed_in(bob).get(path_of(share)).content.decode()
    assert "First question?" in page and "The chosen version." in page
    assert "older version" not in page and "later" not in page


@pytest.mark.parametrize("state", ["held", "rejected", "blocked"])
def test_what_was_held_back_is_not_in_it(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn, open_passage: Passage, state: str
) -> None:
    held = {"held_text": "Band five.", "log": [[1, "accepted", None]], "error": "Pay is read by a person first."}
    answer_in(leave, "", cited=[open_passage], state=state, **held)
    share = factories.make_share(conversation=leave, people=[bob])
    kept = str(share.snapshot)
    assert "Band five" not in kept and ("28 days" not in kept or state != "held")
    page = signed_in(bob).get(path_of(share)).content.decode()
    assert "Band five" not in page and "Pay is read" not in page


def test_an_answer_under_way_is_waited_for(alice: User, bob: User, leave: Conversation) -> None:
    factories.make_answer(conversation=leave, text="", state=Message.State.RUNNING)
    with pytest.raises(ConflictError, match="still being written"):
        sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=week())


def test_it_says_that_an_ai_wrote_the_answers(bob: User, leave: Conversation, signed_in: SignIn) -> None:
    factories.make_answer(conversation=leave)
    page = signed_in(bob).get(path_of(factories.make_share(conversation=leave, people=[bob]))).content.decode()
    assert "written by an AI" in page and "Written by an AI" in page


# --- what a reader may not see ---


def test_a_source_that_is_closed_to_a_reader_is_a_number_alone(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn, open_passage: Passage, closed_passage: Passage
) -> None:
    writer = factories.make_assistant(slug="writer", mode="generate", model=factories.make_model())
    Conversation.objects.filter(pk=leave.pk).update(assistant=writer)
    leave.refresh_from_db()
    answer_in(leave, "There are 28 days [1], and bands for pay [2].", cited=[open_passage, closed_passage])
    path = path_of(factories.make_share(conversation=leave, people=[bob]))
    page = signed_in(bob).get(path).content.decode()
    assert "bands for pay" in page and WITHHELD in page
    assert OPEN in page and reverse("knowledge:passage", args=[open_passage.pk]) in page
    for closed in (CLOSED, "Salary bands", "Source of Salary", str(closed_passage.pk)):
        assert closed not in page
    own = signed_in(alice).get(path).content.decode()
    assert WITHHELD not in own and CLOSED in own


def test_rights_are_those_of_the_moment_of_reading(
    bob: User, leave: Conversation, signed_in: SignIn, closed_passage: Passage
) -> None:
    answer_in(leave, f"{CLOSED} [1]", cited=[closed_passage])
    path = path_of(factories.make_share(conversation=leave, people=[bob]))
    assert CLOSED not in signed_in(bob).get(path).content.decode()
    pay = Group.objects.get(name="Pay")
    pay.members.add(bob)
    assert CLOSED in signed_in(bob).get(path).content.decode()
    pay.members.remove(bob)
    assert CLOSED not in signed_in(bob).get(path).content.decode()


def test_quotes_of_a_closed_source_are_left_out_of_the_text(
    bob: User, leave: Conversation, signed_in: SignIn, open_passage: Passage, closed_passage: Passage
) -> None:
    answer_in(leave, f"{OPEN} [1]\n\n{CLOSED} [2]", cited=[open_passage, closed_passage])
    seen = as_seen_by(bob, factories.make_share(conversation=leave).snapshot)
    text = seen.turns[1].text
    assert f"{OPEN} [1]" in text and "quoted here from a source" in text and text.endswith("[2]")
    assert "senior" not in text


def test_a_quoted_row_takes_the_head_of_its_table_with_it(
    alice: User, bob: User, leave: Conversation, olivia: User
) -> None:
    table = "| Band | Secret heading |\n|---|---|\n| 5 | 72 |\n| 6 | 90 |"
    passage = passage_of(olivia, table, title="Bands", groups=[factories.make_group("Pay", members=[alice])])
    row = "| 6 | 90 |"
    start = table.index(row)
    found = Found(passage.pk, passage.pk, "Bands", "s", passage.pk, 1, (), table, None, 0, len(table), 1.0, 0, 5)
    text = say(Quote(0, start, start + len(row), row, 1.0), found, 1)
    assert "Secret heading" in text
    answer = factories.make_answer(conversation=leave, text=text)
    citation = factories.make_citation(message=answer, passage=passage)
    citation.start, citation.quote = start, row
    citation.save()
    seen = as_seen_by(bob, factories.make_share(conversation=leave).snapshot).turns[1].text
    assert "heading" not in seen and "90" not in seen


@pytest.mark.parametrize("state", ["edited", "held"])  # as it is again after an appeal
def test_an_answer_that_a_person_edited_is_shown_whole_or_not_at_all(
    alice: User, bob: User, leave: Conversation, open_passage: Passage, closed_passage: Passage, state: str
) -> None:
    said = "Seniors get between 56 and 72."
    answer_in(leave, said, cited=[open_passage], evidence=[closed_passage], state=state)
    snapshot = factories.make_share(conversation=leave).snapshot
    assert "Seniors" not in as_seen_by(bob, snapshot).turns[1].text
    assert as_seen_by(alice, snapshot).turns[1].text == said


def test_a_deleted_passage_is_closed_to_everybody(alice: User, leave: Conversation, closed_passage: Passage) -> None:
    answer = answer_in(leave, f"{CLOSED} [1]", cited=[closed_passage])
    snapshot = factories.make_share(conversation=leave).snapshot
    answer.citations.all().delete()
    closed_passage.version.document.delete()
    assert "senior" not in str(as_seen_by(alice, snapshot))


def test_passages_that_belong_to_no_source_never_appear(alice: User, bob: User, leave: Conversation) -> None:
    """As those of a file that somebody attached."""
    private = {"passage_id": "0199b9a0-0000-7000-8000-000000000000", "quote": CLOSED, "number": 1}
    log = [[1, "accepted", None], [2, "evidence", None]]
    factories.make_answer(conversation=leave, text=f"It says: {CLOSED} [1]", evidence=[private], log=log)
    for reader in (alice, bob):
        assert "senior engineer" not in str(as_seen_by(reader, factories.make_share(conversation=leave).snapshot))


WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "larch"]
words = st.lists(st.sampled_from(WORDS), min_size=RUN, max_size=40)
joints = st.sampled_from([" ", "  ", "\n", "\n\n", " **", "** ", ", ", " [1] ", "`", " | ", "\n- ", " _", "&", "\x1f"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    closed=words,
    pieces=st.lists(st.tuples(st.integers(0, 30), st.integers(RUN, 30), joints), max_size=5),
    own=st.lists(st.sampled_from(["We", "asked", "[1]", "about", "[2]", "```", "# x", "> "]), max_size=12),
    mode=st.sampled_from(["quote", "generate"]),
    state=st.sampled_from(["done", "edited", "stopped"]),
)
def test_no_byte_of_the_page_has_words_of_a_closed_passage(
    alice: User,
    bob: User,
    olivia: User,
    signed_in: SignIn,
    closed: list[str],
    pieces: list[tuple[int, int, str]],
    own: list[str],
    mode: str,
    state: str,
) -> None:
    """However question and answer copy from it: at least RUN words in its order."""
    group = factories.make_group("Pay", members=[alice])
    source = factories.make_source(owner=olivia, name=f"Pay {uuid4()}", groups=[group])
    document = factories.make_document(source=source, title="zebrawood", paragraphs=[" ".join(closed)])
    passage = document.versions.get().passages.get()
    copied = [joint.join(closed[begin : begin + length]) for begin, length, joint in pieces]
    text = "\n\n".join([" ".join(own), *(one for one in copied if one), " ".join(own)]).replace("\x1f", " ")
    model = factories.make_model()
    assistant = factories.make_assistant(slug=mode, mode=mode, model=model)
    conversation = factories.make_conversation(owner=alice, assistant=assistant, title=" ".join(closed)[:120])
    question = factories.make_message(conversation=conversation, text=text)
    answer_in(conversation, f"{text} [1]", cited=[passage], parent=question, state=state)
    share = factories.make_share(conversation=conversation, people=[bob], note=" ".join(closed)[:300])
    reading = signed_in(bob)
    pages = [reading.get(path_of(share)), reading.get(reverse("chat:shares"), {"show": "with"})]
    share.delete()
    for page in (one.content.decode() for one in pages):
        said = [word for word in _words_of(page) if word in WORDS]
        assert not _runs(closed) & _runs(said), page
        assert "zebrawood" not in page and str(passage.pk) not in page and source.name not in page


def _words_of(page: str) -> list[str]:
    return re.findall(r"[a-z]+", page[page.index("<main") :])


def _runs(said: list[str]) -> set[tuple[str, ...]]:
    return {tuple(said[at : at + RUN]) for at in range(len(said) - RUN + 1)}


# --- the pages ---


def test_it_is_shared_by_a_plain_form(
    alice: User, bob: User, crew: Group, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    client, path = signed_in(alice), reverse("chat:share", args=[leave.id])
    assert "Everybody in <bdi>Crew</bdi>" in client.get(path).content.decode()
    found = client.post(path, {"find": "1", "q": "bo", "until": "7"}).content.decode()
    assert f'value="{bob.pk}"' in found and Share.objects.count() == 0
    form = {"person": str(bob.pk), "group": str(crew.pk), "until": "30", "note": " For   you ", "q": ""}
    made = client.post(path, form, follow=True).content.decode()
    share = Share.objects.get()
    assert path_of(share) in made and "It is shared." in made
    assert (list(share.people.all()), list(share.groups.all()), share.note) == ([bob], [crew], "For you")
    assert timedelta(days=29) < share.expires_at - timezone.now() <= timedelta(days=30)


def test_the_form_keeps_what_was_chosen_when_something_is_wrong(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    form = {"person": str(bob.pk), "until": "day", "day": "2020-01-01", "note": "Look"}
    answer = signed_in(alice).post(reverse("chat:share", args=[leave.id]), form)
    page = answer.content.decode()
    assert answer.status_code == 422 and "still to come" in page
    assert f'value="{bob.pk}" checked' in " ".join(page.split()) and 'value="Look"' in page


def test_people_outside_one_s_groups_are_not_found(
    alice: User, charlie: User, leave: Conversation, signed_in: SignIn
) -> None:
    path = reverse("chat:share_people", args=[leave.id])
    here = signed_in(alice).post(path, {"q": "charlie"}).content.decode()
    nowhere = signed_in(alice).post(path, {"q": "nobody at all"}).content.decode()
    assert here == nowhere
    chosen = signed_in(alice).post(path, {"q": "", "person": str(charlie.pk)}).content.decode()
    assert "harlie" not in chosen


def test_the_lists_say_with_whom_until_when_and_how_often(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    share = factories.make_share(conversation=leave, people=[bob])
    reading = signed_in(bob)
    for _ in range(2):
        reading.get(path_of(share))
    signed_in(alice).get(path_of(share))
    own = signed_in(alice).get(reverse("chat:shares")).content.decode()
    assert "Leave and pay" in own and "<bdi>Bob</bdi>" in own and "opened 2 times" in own
    theirs = reading.get(reverse("chat:shares"), {"show": "with"}).content.decode()
    assert "From <bdi>Alice</bdi>" in theirs and path_of(share) in theirs
    revoked = signed_in(alice).post(reverse("chat:revoke_share", args=[share.pk]), follow=True).content.decode()
    assert "Nobody can open it any more" in revoked
    assert "Leave and pay" not in reading.get(reverse("chat:shares"), {"show": "with"}).content.decode()
    signed_in(alice).post(reverse("chat:restore_share", args=[share.pk]))
    assert reading.get(path_of(share)).status_code == 200


def test_by_htmx_the_row_says_so_and_a_toast_offers_it_back(
    alice: User, leave: Conversation, signed_in: SignIn
) -> None:
    factories.make_answer(conversation=leave)
    share = factories.make_share(conversation=leave)
    path = reverse("chat:revoke_share", args=[share.pk])
    drawn = signed_in(alice).post(path, headers={"HX-Request": "true"}).content.decode()
    assert f'id="share-{share.pk}"' in drawn and "Revoked" in drawn
    assert reverse("chat:restore_share", args=[share.pk]) in drawn


def test_all_of_it_is_audited(alice: User, bob: User, leave: Conversation, signed_in: SignIn) -> None:
    factories.make_answer(conversation=leave)
    share = sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=week())
    signed_in(bob).get(path_of(share))
    sharing.revoke_share(alice, share=share)
    sharing.restore_share(alice, share=share)
    about = AuditEvent.objects.filter(object__in=[f"share:{share.pk}", f"conversation:{leave.pk}"])
    told = set(about.values_list("actor", "action"))
    owner = {(str(alice.pk), action) for action in ("conversation.share", "share.revoke", "share.restore")}
    assert told == owner | {(str(bob.pk), "share.open")}
    assert str(bob.pk) in str(about.get(action="conversation.share").payload)


# --- for programs ---


def test_programs_share_read_and_revoke(
    alice: User, bob: User, charlie: User, leave: Conversation, closed_passage: Passage, with_key: SignIn
) -> None:
    answer_in(leave, f"{CLOSED} [1]", cited=[closed_passage])
    mine: Client = with_key(alice)
    path = f"/api/v1/conversations/{leave.id}/shares"
    wrong = mine.post(path, {"people": ["charlie@example.org"]}, content_type="application/json")
    none = mine.post(path, {"people": ["nobody@example.org"]}, content_type="application/json")
    assert wrong.status_code == none.status_code == 422
    assert wrong.json()["error"]["message"].replace("charlie", "nobody") == none.json()["error"]["message"]
    body = {"people": ["bob@example.org"], "groups": ["Crew"], "expires_in_days": 3, "note": "Look"}
    made = mine.post(path, body, content_type="application/json")
    assert made.status_code == 201, made.content
    share = made.json()
    assert share["url"].endswith(path_of(Share.objects.get())) and share["groups"] == ["Crew"]
    read = with_key(bob).get(f"/api/v1/shares/{share['id']}")
    assert read.status_code == 200 and "senior" not in read.content.decode()
    assert read.json()["messages"][1]["withheld"] == [1]
    assert with_key(charlie).get(f"/api/v1/shares/{share['id']}").status_code == 404
    assert [one["id"] for one in mine.get(path).json()["items"]] == [share["id"]]
    assert mine.delete(path).status_code == 204
    assert with_key(bob).get(f"/api/v1/shares/{share['id']}").status_code == 404
    assert mine.post(f"/api/v1/shares/{share['id']}/restore").status_code == 204
    assert with_key(bob).get(f"/api/v1/shares/{share['id']}").status_code == 200
    assert mine.delete(f"/api/v1/shares/{share['id']}").status_code == 204


# --- what stands in a file that was attached ---


FILE = "The offer for the desks is eighteen thousand four hundred euros without delivery."


def file_answer(conversation: Conversation, text: str, **fields: Any) -> Message:
    file = factories.make_file(owner=conversation.owner, conversation=conversation, name="offer.md", text=FILE)
    card = {"number": 1, "passage_id": None, "file_id": str(file.pk), "quote": FILE, "start": 0, "end": len(FILE)}
    card |= {"document_id": None, "document_title": "offer.md", "version": None, "source": "Your file", "page": None}
    evidence = [card | {"heading_path": []}]
    log = [[1, "accepted", None], [2, "evidence", None]]
    return factories.make_answer(conversation=conversation, text=text, evidence=evidence, log=log, **fields)


def test_a_file_that_was_attached_is_open_to_no_reader(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn
) -> None:
    leave.assistant = factories.make_assistant(slug="writer", mode="generate", model=factories.make_model(name="m"))
    leave.save()
    file_answer(leave, f"It says: {FILE} [1] The sum is in the offer.")
    share = sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=week())
    page = signed_in(bob).get(path_of(share)).content.decode()
    assert "eighteen thousand" not in page and "offer.md" not in page
    assert "The sum is in the offer." in page and WITHHELD in page


def test_a_quote_from_a_file_that_was_attached_is_left_out(
    alice: User, bob: User, leave: Conversation, signed_in: SignIn
) -> None:
    file_answer(leave, f"{FILE} [1]")
    share = sharing.share_conversation(alice, conversation=leave, people=[bob], groups=[], expires_at=week())
    page = signed_in(bob).get(path_of(share)).content.decode()
    assert "eighteen thousand" not in page and WITHHELD in page


def test_what_stands_elsewhere_in_the_file_is_left_out_as_well(alice: User, bob: User, leave: Conversation) -> None:
    more = "Whoever signs before the end of March gets the chairs for half of that price."
    leave.assistant = factories.make_assistant(slug="writer", mode="generate", model=factories.make_model(name="m"))
    leave.save()
    answer = file_answer(leave, f"The offer has a sum [1]. {more} Think about it.")
    file = Attachment.objects.get(owner=alice)
    AttachmentPassage.objects.create(file=file, ordinal=1, text=more, start=100, end=100 + len(more))
    share = factories.make_share(conversation=leave, people=[bob], note=more)
    seen = as_seen_by(bob, share.snapshot, share.note)
    ((_, note),) = heads_seen_by(bob, [share])
    assert "chairs" not in f"{seen.turns[1].text} {seen.note} {note}"
    assert "The offer has a sum" in seen.turns[1].text and "Think about it." in seen.turns[1].text
    delete_file(alice, file=file)
    answer.refresh_from_db()
    kept = as_seen_by(bob, share.snapshot)
    assert "eighteen" not in str(kept)


def test_after_an_appeal_a_file_is_open_to_no_reader_either(alice: User, bob: User, leave: Conversation) -> None:
    answer = file_answer(leave, f"{FILE} [1]", state=Message.State.EDITED)
    answer.state = Message.State.HELD
    answer.save()
    seen = as_seen_by(bob, factories.make_share(conversation=leave).snapshot)
    assert "eighteen" not in str(seen)
