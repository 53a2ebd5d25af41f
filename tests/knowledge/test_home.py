"""An owner's home: what waits first, then what is asked in vain, then how documents are used."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role
from chat.models import Citation, Feedback, Message
from knowledge.keeping.home import home_of
from knowledge.models import Document, GapQuestion, Sync
from tests import factories

pytestmark = pytest.mark.django_db

HOME = "/knowledge/home/"


@pytest.fixture
def cited(alice, handbook):
    """``cited(document, days=3)``: alice's answer cited it three days ago."""

    def cite(document, *, days=0, state=Message.State.DONE):
        conversation = factories.make_conversation(owner=alice)
        at = timezone.now() - timedelta(days=days)
        answer = factories.make_answer(conversation=conversation, created_at=at, state=state)
        factories.make_citation(message=answer, passage=document.versions.get().passages.first())
        return answer

    return cite


def judge(answer, person, value, **fields):
    return Feedback.objects.create(message=answer, user=person, value=value, **fields)


def make_old(source, title, state=Document.State.PUBLISHED):
    """A document that was published 120 days ago."""
    document = Document.objects.create(source=source, key=title, title=title, state=state)
    factories.make_version(document=document, published_at=timezone.now() - timedelta(days=120))
    return document


def test_what_waits_stands_first(olivia, handbook):
    handbook.review_by = timezone.localdate() - timedelta(days=1)
    handbook.save()
    soon = factories.make_source(owner=olivia, name="Soon", review_by=timezone.localdate() + timedelta(days=13))
    factories.make_source(owner=olivia, name="Later", review_by=timezone.localdate() + timedelta(days=15))
    held = factories.make_document(source=handbook, title="Held", state=Document.State.HELD)
    rejected = factories.make_document(source=handbook, title="Bad", state=Document.State.REJECTED)
    old = Sync.objects.create(source=soon, state="failed", finished_at=timezone.now())
    Sync.objects.filter(pk=old.pk).update(started_at=timezone.now() - timedelta(days=1))
    Sync.objects.create(source=soon, state="done", finished_at=timezone.now())
    broken = Sync.objects.create(source=handbook, state="failed", finished_at=timezone.now())
    needs = home_of(olivia).needs
    assert list(needs.overdue) == [handbook] and list(needs.due_soon) == [soon]
    assert list(needs.held) == [held] and list(needs.rejected) == [rejected]
    assert list(needs.failed_syncs) == [broken] and needs.count == 5


def test_documents_by_state_add_up(olivia, handbook):
    for state, number in (("published", 3), ("held", 1)):
        for index in range(number):
            factories.make_document(source=handbook, title=f"{state} {index}", state=state)
    home = home_of(olivia)
    assert home.document_count == 4
    assert [(share.name, share.count, share.x, share.width) for share in home.states] == [
        ("published", 3, 0, 75),
        ("held", 1, 75, 25),
    ]


def test_a_keeper_sees_their_own_sources_and_an_admin_all(olivia, ada, handbook, cited, alice):
    oscar = factories.make_user("oscar", roles=[Role.OWNER])
    judge(cited(factories.make_document(source=handbook)), alice, -1)
    factories.make_gap(source=handbook)
    theirs = home_of(oscar)
    assert not theirs.sources and not theirs.gaps and not theirs.use.cited and not theirs.use.feedback
    assert home_of(ada).gap_count == home_of(olivia).gap_count == 1


def test_the_most_cited_and_the_citations_of_each_day(olivia, handbook, cited):
    often, once, old = (factories.make_document(source=handbook, title=title) for title in ("Often", "Once", "Old"))
    for days in (0, 3, 29):
        cited(often, days=days)
    cited(once)
    cited(old, days=31)
    cited(once, state=Message.State.HELD)
    use = home_of(olivia).use
    assert [(one.document, one.count) for one in use.cited] == [(often, 3), (once, 1)]
    assert [bar.count for bar in use.plot.bars] == [1] + [0] * 25 + [1, 0, 0, 2]


def test_never_cited_are_those_published_for_longer(olivia, handbook, cited):
    unused = make_old(handbook, "Unused")
    factories.make_document(source=handbook, title="New")
    used = make_old(handbook, "Used")
    forgotten = make_old(handbook, "Forgotten")
    cited(used, days=80)
    cited(forgotten, days=95)
    use = home_of(olivia).use
    assert {document.title for document in use.never_cited} == {unused.title, forgotten.title}
    assert use.never_cited_count == 2


def test_feedback_names_the_passage_and_nobody(olivia, handbook, cited, alice, signed_in):
    answer = cited(factories.make_document(source=handbook))
    judge(answer, alice, -1, reason="wrong", text="It is 30, mail alice@example.org")
    page = signed_in(olivia).get(HOME).content.decode()
    assert "It is wrong" in page and "It is 30, mail [e-mail address]" in page and "You have 28 days." in page
    assert "alice" not in page.lower().replace("alice@", "")


def test_an_admin_who_may_not_read_gets_no_words_of_the_passage(ada, handbook, cited, alice, signed_in):
    judge(cited(factories.make_document(source=handbook)), alice, -1, reason="wrong")
    page = signed_in(ada).get(HOME).content.decode()
    assert "It is wrong" in page and "You have 28 days." not in page


def test_documents_found_unhelpful(olivia, handbook, cited, alice, bob):
    low, fine = factories.make_document(source=handbook, title="Low"), factories.make_document(source=handbook)
    for value in (-1, -1, 1):
        judge(cited(low), alice, value)
    for value in (-1, 1, 1, -1, 1):
        judge(cited(fine), alice, value)
    use = home_of(olivia).use
    assert [(one.document, one.down, one.up) for one in use.low_rated] == [(low, 2, 1)]


def test_one_source_alone(olivia, handbook, signed_in):
    other = factories.make_source(owner=olivia, name="Other")
    factories.make_document(source=other, title="Held there", state=Document.State.HELD)
    client = signed_in(olivia)
    assert "Held there" in client.get(HOME).content.decode()
    assert "Held there" not in client.get(HOME, {"source": str(handbook.pk)}).content.decode()
    strange = factories.make_source(owner=factories.make_user("oscar"), name="Strange")
    assert client.get(HOME, {"source": str(strange.pk)}).status_code == 404
    assert client.get(HOME, {"source": "x"}).status_code == 404


def test_an_empty_home_says_what_to_do(olivia, handbook, signed_in):
    page = signed_in(olivia).get(HOME).content.decode()
    assert "Nothing waits for you" in page and "no documents here yet" in page


def test_a_source_is_marked_as_reviewed(olivia, handbook, signed_in):
    handbook.review_by = timezone.localdate() - timedelta(days=1)
    handbook.save()
    client = signed_in(olivia)
    assert client.post(reverse("knowledge:reviewed", args=[handbook.pk]), {"months": "6"}).status_code == 302
    handbook.refresh_from_db()
    assert 180 <= (handbook.review_by - timezone.localdate()).days <= 185
    assert client.post(reverse("knowledge:reviewed", args=[handbook.pk]), {"months": "7"}).status_code == 422


def test_reminders_are_switched(olivia, signed_in):
    client = signed_in(olivia)
    client.post(reverse("knowledge:reminders"), {"wanted": "no"})
    olivia.refresh_from_db()
    assert not olivia.wants_reminders


def test_gaps_are_worked_on_from_their_page(olivia, handbook, signed_in):
    gap = factories.make_gap(source=handbook, questions=("Is there a gym?", "Do we have a fitness room?"))
    client = signed_in(olivia)
    page = client.get(reverse("knowledge:gap", args=[gap.pk])).content.decode()
    assert "Do we have a fitness room?" in page
    client.post(reverse("knowledge:assign_gap", args=[gap.pk]), {"person": str(olivia.pk)})
    question = GapQuestion.objects.get(text="Do we have a fitness room?")
    client.post(reverse("knowledge:take_out", args=[question.pk]))
    client.post(reverse("knowledge:close_gap", args=[gap.pk]), {"reason": "See the notice board."})
    page = client.get(reverse("knowledge:gap", args=[gap.pk])).content.decode()
    assert "See the notice board." in page and "with Olivia" in page and "fitness room" not in page
    assert "See the notice board." not in client.get(reverse("knowledge:gaps")).content.decode()
    assert "Is there a gym?" in client.get(reverse("knowledge:gaps"), {"show": "closed"}).content.decode()


def test_programs_get_the_same(olivia, handbook, cited, alice, with_key):
    judge(cited(factories.make_document(source=handbook)), alice, 1, text="Thanks")
    gap = factories.make_gap(source=handbook)
    client = with_key(olivia)
    home = client.get("/api/v1/knowledge/home").json()
    assert home["gaps"][0]["id"] == str(gap.pk) and home["most_cited"][0]["count"] == 1
    assert home["feedback"][0]["text"] == "Thanks" and len(home["citations_by_day"]) == 30
    assert "alice" not in str(home).lower()
    given = client.post(
        f"/api/v1/gaps/{gap.pk}/assign", {"person": olivia.email}, content_type="application/json"
    ).json()
    assert (given["state"], given["assignee"]) == ("assigned", "Olivia")
    assert client.get("/api/v1/gaps", {"show": "mine"}).json()["items"][0]["id"] == str(gap.pk)


def test_more_of_everything_costs_no_more_statements(
    olivia, handbook, cited, alice, django_assert_max_num_queries, django_assert_num_queries
):
    def grow(name):
        document = make_old(handbook, name, Document.State.HELD)
        judge(cited(document), alice, -1)
        judge(cited(document), alice, -1)
        factories.make_gap(source=factories.make_source(owner=olivia, name=name))

    grow("first")
    with django_assert_max_num_queries(16) as few:
        home_of(olivia)
    for number in range(8):
        grow(f"more {number}")
    with django_assert_num_queries(len(few)):
        home_of(olivia)
    assert Citation.objects.count() == 18
