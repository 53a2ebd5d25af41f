"""Questions without an answer: gathered by meaning, seen by those who keep the content, closed with support."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, Role
from app.errors import BadInputError, ConflictError, NotAllowedError
from knowledge.keeping.asking_again import REASON, ask_again, revisit_gaps
from knowledge.keeping.gaps import assign_gap, close_gap, dismiss_gap, merge_gaps, reopen_gap, take_out
from knowledge.keeping.noting import Unanswered, note_question
from knowledge.keeping.support import look, support_of
from knowledge.models import Gap, GapQuestion, IndexGeneration
from tests import factories

pytestmark = pytest.mark.django_db

GYM = ("Is there a gym in the building?", "Do we have a fitness room?", "Where is the company gym?")
DOG = "Can I bring my dog to the office?"
FITNESS = "# Gym\n\nThe gym in the building is open from 6 to 22. It is on the ground floor, and free for everybody."


@pytest.fixture
def note():
    """``note(alice, "Is there a gym?")``: her question got an answer that nothing supported."""

    def ask(person, text, **fields):
        values = {"support": GapQuestion.Support.NONE, "asked_at": timezone.now(), "message_id": uuid4(), **fields}
        return note_question(Unanswered(text=text, asked_by=person, **values))

    return ask


@pytest.fixture
def gap(note, alice, handbook, publish):
    """Alice asked for a gym, of which olivia's handbook says nothing."""
    publish(handbook)
    return note(alice, GYM[0]).gap


def give_source(gap, source):
    """As if its questions had come nearest to this source."""
    gap.questions.update(source=source)
    Gap.objects.filter(pk=gap.pk).update(source=source)
    gap.refresh_from_db()
    return gap


def test_questions_that_mean_the_same_share_a_gap(note, alice, bob, charlie):
    gaps = {note(person, text).gap for person, text in zip((alice, bob, charlie), GYM, strict=True)}
    other = note(alice, DOG).gap
    assert len(gaps) == 1 and other not in gaps
    gap = Gap.objects.get(pk=gaps.pop().pk)
    assert gap.question_count == 3 and gap.title in GYM


def test_the_same_person_counts_once_a_day(note, alice, bob):
    first = note(alice, GYM[0])
    assert note(alice, GYM[1]) == first
    assert note(alice, GYM[1], asked_at=timezone.now() + timedelta(days=1)).gap == first.gap
    assert note(bob, GYM[0]).gap == first.gap
    assert Gap.objects.get().question_count == 3


def test_an_answer_is_noted_once(note, alice):
    message = uuid4()
    assert note(alice, GYM[0], message_id=message)
    assert note(alice, DOG, message_id=message).text == GYM[0]
    assert GapQuestion.objects.count() == 1


def test_what_names_a_person_is_masked(note, alice):
    question = note(alice, "Does the gym know ann@example.org and DE89 3704 0044 0532 0130 00?")
    assert question.text == "Does the gym know [e-mail address] and [account number]?"
    assert "ann@" not in Gap.objects.get().title


def test_a_long_question_is_cut(note, alice):
    assert len(note(alice, "gym " * 400).text) <= 1000


def test_a_question_that_finds_support_is_no_gap(note, alice, handbook, publish):
    publish(handbook)
    assert note(alice, "How many days of annual leave do I have?") is None
    doubted = note(alice, "How many days of annual leave do I have?", support=GapQuestion.Support.DOUBTED)
    assert doubted.source == handbook


def test_a_question_is_laid_at_the_source_it_came_nearest_to(note, alice, handbook, publish):
    publish(handbook)
    near = note(alice, "Do unused days of leave get paid out in money when I retire abroad?", support="doubted")
    far = note(alice, "Who won the football world cup in 1998?")
    assert near.source == handbook and Gap.objects.get(pk=near.gap_id).source == handbook
    assert far.source is None and Gap.objects.get(pk=far.gap_id).source is None


def test_the_line_between_good_weak_and_none(alice, handbook, publish):
    publish(handbook)
    found = look(alice, "How many days of annual leave do I have?")
    assert found.support == "good"
    assert support_of([found.best], is_cited=False) == support_of([], is_cited=True) == "none"
    assert look(alice, "Explain quantum entanglement").support == "none"


def test_a_keeper_sees_gaps_of_their_sources_alone(gap, handbook, olivia, ada, alice, dana, note, bob):
    give_source(gap, handbook)
    stranger = factories.make_user("oscar", roles=[Role.OWNER])
    other = note(bob, DOG).gap
    assert set(Gap.objects.visible_to(olivia)) == {gap}
    assert set(Gap.objects.visible_to(ada)) == {gap, other}
    for person in (alice, dana, stranger):
        assert not Gap.objects.visible_to(person).exists()
    assign_gap(actor=ada, gap=other, person=stranger)
    assert set(Gap.objects.visible_to(stranger)) == {other}


def test_a_keeper_sees_no_question_about_sources_of_others(gap, handbook, olivia, ada, note, bob):
    give_source(gap, handbook)
    elsewhere = factories.make_source(owner=factories.make_user("oscar", roles=[Role.OWNER]), name="Secret")
    question = note(bob, GYM[1])
    GapQuestion.objects.filter(pk=question.pk).update(source=elsewhere)
    texts = set(GapQuestion.objects.visible_to(olivia).values_list("text", flat=True))
    assert texts == {GYM[0]}
    assert GapQuestion.objects.visible_to(ada).count() == 2


def test_nobody_without_the_gap_may_do_anything_with_it(gap, handbook, charlie, alice):
    give_source(gap, handbook)
    stranger = factories.make_user("oscar", roles=[Role.OWNER])
    for person in (charlie, alice, stranger):
        for deed in (
            lambda who: close_gap(actor=who, gap=gap, reason="Done."),
            lambda who: dismiss_gap(actor=who, gap=gap),
            lambda who: assign_gap(actor=who, gap=gap, person=who),
            lambda who: ask_again(actor=who, gap=gap),
        ):
            with pytest.raises(NotAllowedError):
                deed(person)
    assert Gap.objects.get().state == Gap.State.OPEN


def test_a_gap_is_assigned_closed_and_reopened(gap, handbook, olivia, alice):
    give_source(gap, handbook)
    assert assign_gap(actor=olivia, gap=gap, person=olivia).state == Gap.State.ASSIGNED
    with pytest.raises(BadInputError):
        assign_gap(actor=olivia, gap=gap, person=alice)
    with pytest.raises(BadInputError):
        close_gap(actor=olivia, gap=gap, reason=" ")
    assert close_gap(actor=olivia, gap=gap, reason="See the notice board.").close_reason == "See the notice board."
    with pytest.raises(ConflictError):
        close_gap(actor=olivia, gap=gap, reason="Again.")
    assert reopen_gap(actor=olivia, gap=gap).state == Gap.State.ASSIGNED
    deeds = list(
        AuditEvent.objects.filter(action__startswith="gap.", actor=str(olivia.pk))
        .order_by("at")
        .values_list("action", flat=True)
    )
    assert deeds == ["gap.assign", "gap.close", "gap.reopen"]


def test_a_dismissed_gap_takes_in_its_kind_and_a_closed_one_does_not(gap, ada, note, bob, charlie):
    dismiss_gap(actor=ada, gap=gap)
    assert note(bob, GYM[1]).gap == gap
    assert Gap.objects.get().state == Gap.State.DISMISSED
    close_gap(actor=ada, gap=reopen_gap(actor=ada, gap=gap), reason="Answered.")
    assert note(charlie, GYM[2]).gap != gap


def test_gaps_are_joined_and_questions_taken_out(gap, ada, note, bob):
    other = note(bob, DOG).gap
    joined = merge_gaps(actor=ada, gap=gap, other=other)
    assert joined.question_count == 2 and Gap.objects.count() == 1
    question = GapQuestion.objects.get(text=DOG)
    own = take_out(actor=ada, question=question)
    assert Gap.objects.get(pk=own.pk).title == DOG
    assert Gap.objects.get(pk=gap.pk).title == GYM[0]
    with pytest.raises(ConflictError):
        take_out(actor=ada, question=GapQuestion.objects.get(text=DOG))
    with pytest.raises(BadInputError):
        merge_gaps(actor=ada, gap=own, other=own)


def test_asked_again_without_support_it_stays(gap, ada):
    answered = ask_again(actor=ada, gap=gap)
    assert answered.asked_count == 1 and not answered.found
    assert Gap.objects.get().is_waiting


def test_it_closes_when_what_was_published_answers_it(gap, handbook, publish, ada):
    document = publish(handbook, "gym.md", FITNESS)
    answered = ask_again(actor=ada, gap=gap)
    assert answered.is_all
    closed = Gap.objects.get()
    assert (closed.state, closed.close_reason, closed.answered_by) == (Gap.State.CLOSED, REASON, document)


def test_it_is_asked_with_the_rights_of_its_asker(note, charlie, handbook, publish, ada):
    """What charlie may not read answers nothing for charlie."""
    gap = note(charlie, GYM[0]).gap
    publish(handbook, "gym.md", FITNESS)
    assert not ask_again(actor=ada, gap=gap).found
    assert Gap.objects.get().is_waiting


@pytest.mark.parametrize("support", ["weak", "doubted"])
def test_what_had_quotes_before_needs_something_newer(note, alice, handbook, publish, ada, support):
    gap = note(alice, GYM[0], support=support, asked_at=timezone.now() + timedelta(seconds=1)).gap
    publish(handbook, "gym.md", FITNESS)
    GapQuestion.objects.update(asked_at=timezone.now())
    assert not ask_again(actor=ada, gap=gap).found
    publish(handbook, "gym.md", FITNESS.replace("6 to 22", "7 to 23"))
    assert ask_again(actor=ada, gap=gap).is_all


def test_gaps_are_revisited_after_publishing_and_once_a_day(gap, handbook, publish, django_assert_num_queries):
    give_source(gap, handbook)
    assert revisit_gaps() == 0
    publish(handbook, "gym.md", FITNESS)
    assert revisit_gaps() == 1
    closed = Gap.objects.get()
    assert closed.state == Gap.State.CLOSED
    assert AuditEvent.objects.get(action="gap.ask_again", object=f"gap:{gap.pk}").actor == "system"


def test_a_gap_of_a_suspended_person_waits_for_a_hand(gap, handbook, publish, ada, alice):
    publish(handbook, "gym.md", FITNESS)
    alice.is_active = False
    alice.save()
    assert ask_again(actor=ada, gap=gap).asked_count == 0
    assert Gap.objects.get().is_waiting


def test_gaps_follow_a_new_index_generation(gap, note, bob):
    Gap.objects.update(embedding_name="an earlier model")
    revisit_gaps()
    assert Gap.objects.get().embedding_name == IndexGeneration.objects.get(is_serving=True).embedding_name
    assert note(bob, GYM[1]).gap == gap
