"""Trying a search: who may, as whom, what is told of it, and that looking as somebody else is written down."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditEvent, Group, User
from app.errors import NotAllowedError
from knowledge.ingestion import withdraw_document
from knowledge.models import Passage, Source
from knowledge.retrieval.quoting import stems
from knowledge.search_trial import Trial, snippet, try_search
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish
from tests.knowledge.test_search import statements

QUESTION = "How many days of annual leave can I carry over?"
PAGE = "knowledge:try_search"


def titles(trial: Trial) -> set[str]:
    return {line.candidate.document_title for line in trial.lines}


def reasons(trial: Trial) -> set[tuple[str, str]]:
    return {(one.document_title, one.why) for one in trial.missed}


def test_a_keeper_sees_places_scores_and_times(olivia: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    trial = try_search(actor=olivia, question=QUESTION)
    best = trial.lines[0]
    assert best.candidate.document_title == "Annual leave"
    assert (best.judged.ranked.place, best.fate) == (1, "shown")
    assert best.by_words is not None and best.by_meaning is not None
    assert [step for step, _ in trial.steps] == ["embedding", "finding", "choosing", "quoting"]
    assert trial.missed == []


def test_the_question_before_counts(olivia: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    trial = try_search(actor=olivia, question="and until when?", earlier=QUESTION)
    assert trial.search.query == f"{QUESTION} and until when?"


def test_as_a_reader_a_keeper_sees_what_that_reader_finds(
    olivia: User, alice: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    assert titles(try_search(actor=olivia, question=QUESTION, person=alice)) == {"Annual leave"}


def test_as_somebody_else_a_keeper_sees_only_sources_of_their_own(
    olivia: User, alice: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    other = factories.make_source(owner=factories.make_user("oscar", roles=["owner"]), name="Oscar's")
    publish(other, "other.md", "# Leave elsewhere\n\nDays of annual leave can be carried over elsewhere.")
    assert titles(try_search(actor=olivia, question=QUESTION)) == {"Annual leave", "Leave elsewhere"}
    assert titles(try_search(actor=olivia, question=QUESTION, person=alice)) == {"Annual leave"}
    assert titles(try_search(actor=olivia, question=QUESTION, person=alice, source_ids=[other.pk])) == set()


def test_what_a_person_may_not_read_is_named_as_closed(
    olivia: User, charlie: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    trial = try_search(actor=olivia, question=QUESTION, person=charlie)
    assert trial.lines == []
    assert reasons(trial) == {("Annual leave", "closed")}
    assert trial.closed_count == 2


def test_what_is_disabled_replaced_or_withdrawn_is_named(olivia: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, content=LEAVE.replace("27 days", "28 days"))
    gone = publish(handbook, "old.md", "# Old leave\n\nUnused annual leave was paid out until 2019.")
    withdraw_document(actor=olivia, document=gone)
    shut = publish(handbook, "shut.md", "# Shut\n\nAnnual leave cannot be taken in December.")
    Passage.objects.filter(version__document=shut).update(disabled_at=shut.created_at, disabled_reason="Wrong.")
    assert reasons(try_search(actor=olivia, question=QUESTION)) == {
        ("Annual leave", "replaced"),
        ("Old leave", "withdrawn"),
        ("Shut", "disabled"),
    }


def test_looking_as_somebody_is_audited_without_the_question(
    ada: User, alice: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    try_search(actor=ada, question=QUESTION, person=alice)
    event = AuditEvent.objects.get(action="knowledge.search_as", actor=str(ada.pk))
    assert event.object == f"user:{alice.pk}"
    assert QUESTION not in str(event.payload)


def test_looking_as_oneself_is_not(olivia: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    try_search(actor=olivia, question=QUESTION, person=olivia)
    assert not AuditEvent.objects.filter(action="knowledge.search_as", actor=str(olivia.pk)).exists()


def test_an_employee_may_not(alice: User, bob: User) -> None:
    with pytest.raises(NotAllowedError):
        try_search(actor=alice, question=QUESTION, person=bob)
    assert not AuditEvent.objects.filter(action="knowledge.search_as", actor=str(alice.pk)).exists()


def test_somebody_who_keeps_nothing_sees_nothing_as_others(alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    newcomer = factories.make_user("nora", roles=["owner"])
    trial = try_search(actor=newcomer, question=QUESTION, person=alice)
    assert (trial.lines, trial.missed) == ([], [])


def test_the_page_shows_it(signed_in: SignIn, olivia: User, alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    client = signed_in(olivia)
    assert "Nothing tried yet" in client.get(reverse(PAGE)).content.decode()
    html = client.post(reverse(PAGE), {"question": QUESTION, "person": alice.email}).content.decode()
    assert "<mark>carry</mark>" in html
    assert "every one compared" in html
    assert "<svg" in html


def test_the_page_asks_who_is_meant(signed_in: SignIn, olivia: User, alice: User, bob: User, handbook: Source) -> None:
    html = signed_in(olivia).post(reverse(PAGE), {"question": QUESTION, "person": "example.org"}).content.decode()
    assert "Who is meant?" in html and alice.email in html and bob.email in html
    html = signed_in(olivia).post(reverse(PAGE), {"question": QUESTION, "person": "nobody at all"}).content.decode()
    assert "Nobody whom you may look up is called that." in html
    assert not AuditEvent.objects.filter(action="knowledge.search_as", actor=str(olivia.pk)).exists()


def test_the_page_says_that_a_question_is_missing(signed_in: SignIn, olivia: User) -> None:
    assert "Write the question" in signed_in(olivia).post(reverse(PAGE), {"question": " "}).content.decode()


def test_a_source_that_one_does_not_have_cannot_be_ticked(
    signed_in: SignIn, olivia: User, crew: Group, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    oscar = factories.make_user("oscar", roles=["owner"])
    foreign = factories.make_source(owner=oscar, name="X", groups=[factories.make_group("Other")])
    publish(foreign, "secret.md", "# Secret leave\n\nSecret days of annual leave can be carried over.")
    html = signed_in(olivia).post(reverse(PAGE), {"question": QUESTION, "source": str(foreign.pk)}).content.decode()
    assert "Secret" not in html


def test_markup_in_a_passage_stays_text(signed_in: SignIn, olivia: User, handbook: Source, publish: Publish) -> None:
    publish(handbook, "x.txt", "Annual leave <script>alert(1)</script> can be carried over in days.")
    html = signed_in(olivia).post(reverse(PAGE), {"question": QUESTION}).content.decode()
    assert "<script>alert" not in html


def test_a_snippet_marks_the_words_that_were_asked() -> None:
    pieces = snippet("x " * 300 + "You may carry over days.", stems("carrying a day"))
    assert [piece.text for piece in pieces if piece.is_asked] == ["carry", "days"]
    assert pieces[0].text.startswith("… ")


def test_the_number_of_statements_is_constant(olivia: User, alice: User, handbook: Source, publish: Publish) -> None:
    publish(handbook)
    try_search(actor=olivia, question=QUESTION, person=alice)
    with CaptureQueriesContext(connection) as few:
        try_search(actor=olivia, question=QUESTION, person=alice)
    publish(handbook, "more.md", "# More\n\nMore days.\n\n## Carry\n\nCarry over days of leave.")
    with CaptureQueriesContext(connection) as more:
        try_search(actor=olivia, question=QUESTION, person=alice)
    assert statements(few) == statements(more)
