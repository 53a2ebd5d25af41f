"""The review page: what a moderator sees and does there, with and without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from app.web.ids import new_id
from moderation.models import Case
from moderation.review.cases import claim_case, decide_case
from tests.conftest import SignIn
from tests.moderation.conftest import OpenCase

HTMX = {"HX-Request": "true"}


def test_the_queue_shows_what_waits_by_due_time(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    open_one(question="The later one?", due_minutes=300)
    open_one(question="The sooner one?", due_minutes=5)
    page = signed_in(dana).get("/review/").content.decode()
    assert page.index("The sooner one?") < page.index("The later one?")


def test_an_empty_queue_says_so(dana: User, signed_in: SignIn) -> None:
    assert "Nothing waits" in signed_in(dana).get("/review/").content.decode()


def test_filters_show_mine_overdue_and_decided(open_one: OpenCase, dana: User, erin: User, signed_in: SignIn) -> None:
    mine, late, done = open_one(question="Mine?"), open_one(question="Late?"), open_one(question="Done?")
    claim_case(dana, case_id=mine.pk)
    Case.objects.filter(pk=late.pk).update(due_at=timezone.now() - timedelta(hours=1))
    fence = claim_case(erin, case_id=done.pk).fence
    decide_case(erin, case_id=done.pk, action="approve", reason="", fence=fence)
    shown = {
        name: [case.question for case in signed_in(dana).get(f"/review/?filter={name}").context["cases"]]
        for name in ("open", "mine", "overdue", "final", "nonsense")
    }
    assert shown == {
        "open": ["Late?", "Mine?"],
        "mine": ["Mine?"],
        "overdue": ["Late?"],
        "final": ["Done?"],
        "nonsense": ["Late?", "Mine?"],
    }


def test_the_refresh_is_silent_until_something_changes(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    client = signed_in(dana)
    open_one(question="First?")
    mark = client.get("/review/").context["queue_mark"]
    assert client.get(f"/review/?seen={mark}", headers=HTMX).status_code == 204
    open_one(question="Second?")
    news = client.get(f"/review/?seen={mark}", headers=HTMX)
    assert news.status_code == 200
    assert "Second?" in news.content.decode()
    assert "<html" not in news.content.decode()


def test_a_case_shows_all_that_is_needed_to_judge_it(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    case = open_one(answer="Shown. Salaries are **private** [1].", shown=7)
    page = signed_in(dana).get(f"/review/{case.pk}/").content.decode()
    for part in (
        "What does Ben earn?",
        "<strong>private</strong>",
        "Its reader has this already",
        "Salary bands",
        "page 3",
        "Bands are reviewed every April.",
        f"/knowledge/passages/{case.context[0]['passage_id']}/?start=10&amp;end=42",
        "Questions about pay are looked at by a person.",
        "House rules, version 1",
        "Claim this case",
    ):
        assert part in page, part
    assert "alice" not in page.lower()


def test_a_case_comes_as_a_fragment_and_stays_silent_while_nothing_happens(
    case: Case, dana: User, erin: User, signed_in: SignIn
) -> None:
    client = signed_in(dana)
    pane = client.get(f"/review/{case.pk}/", headers=HTMX)
    assert "<html" not in pane.content.decode()
    seen = f"/review/{case.pk}/?seen={pane.context['pane'].mark}"
    assert client.get(seen, headers=HTMX).status_code == 204
    claim_case(erin, case_id=case.pk)
    assert "Erin is working" in client.get(seen, headers=HTMX).content.decode()


def test_going_back_restores_a_whole_page(case: Case, dana: User, signed_in: SignIn) -> None:
    answer = signed_in(dana).get(f"/review/{case.pk}/", headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert "<html" in answer.content.decode()
    assert "HX-Request" in answer["Vary"]


@pytest.mark.parametrize(
    ("action", "words", "state"),
    [("approve", {}, "final"), ("edit", {"text": "Ask us."}, "final"), ("reject", {"reason": "Private."}, "final")],
)
def test_claim_and_decide_by_plain_forms(
    case: Case, dana: User, signed_in: SignIn, action: str, words: dict[str, str], state: str
) -> None:
    client = signed_in(dana)
    assert client.post(f"/review/{case.pk}/claim").headers["Location"] == f"/review/{case.pk}/?filter=open"
    page = client.get(f"/review/{case.pk}/").content.decode()
    for key in "AERPU":
        assert f"<kbd>{key}</kbd>" in page
    sent = {"action": action, "fence": "1", **words}
    assert client.post(f"/review/{case.pk}/decide", sent).status_code == 302
    case.refresh_from_db()
    assert case.state == state


def test_a_decision_by_htmx_redraws_the_case_and_the_queue(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    case, other = open_one(), open_one()
    client = signed_in(dana)
    claim_case(dana, case_id=case.pk)
    answer = client.post(f"/review/{case.pk}/decide", {"action": "approve", "fence": "1"}, headers=HTMX)
    assert answer["HX-Trigger"] == "cases-changed"
    assert "Decided by Dana" in answer.content.decode()
    assert f"/review/{other.pk}/" in answer.content.decode()


def test_a_rejection_without_a_reason_keeps_the_form_open(case: Case, dana: User, signed_in: SignIn) -> None:
    client = signed_in(dana)
    claim_case(dana, case_id=case.pk)
    answer = client.post(f"/review/{case.pk}/decide", {"action": "reject", "fence": "1", "reason": " "}, headers=HTMX)
    assert "Write the reason." in answer.content.decode()
    assert '<details class="case-act" open>' in answer.content.decode()
    assert client.post(f"/review/{case.pk}/decide", {"action": "reject", "fence": "1"}).status_code == 422


def test_a_conflict_is_said_in_place(case: Case, dana: User, erin: User, signed_in: SignIn) -> None:
    claim_case(erin, case_id=case.pk)
    client = signed_in(dana)
    answer = client.post(f"/review/{case.pk}/claim", headers=HTMX)
    assert answer.status_code == 200
    assert "Erin is working on this case." in answer.content.decode()
    assert client.post(f"/review/{case.pk}/claim").status_code == 409


def test_the_heartbeat_is_silent_and_a_lost_claim_is_told(case: Case, dana: User, signed_in: SignIn) -> None:
    client = signed_in(dana)
    claim_case(dana, case_id=case.pk)
    assert client.post(f"/review/{case.pk}/renew", {"fence": "1"}, headers=HTMX).status_code == 204
    Case.objects.filter(pk=case.pk).update(lease_until=timezone.now())
    answer = client.post(f"/review/{case.pk}/renew", {"fence": "1"}, headers=HTMX)
    assert "Your claim ran out" in answer.content.decode()


def test_a_released_claim_can_be_claimed_again(case: Case, dana: User, signed_in: SignIn) -> None:
    client = signed_in(dana)
    claim_case(dana, case_id=case.pk)
    answer = client.post(f"/review/{case.pk}/release", {"fence": "1"}, headers=HTMX)
    assert "Claim this case" in answer.content.decode()


@pytest.mark.parametrize("fence", ["", "x", "-1", "9" * 30, "١"])
def test_a_fence_that_is_no_number_is_refused(case: Case, dana: User, signed_in: SignIn, fence: str) -> None:
    claim_case(dana, case_id=case.pk)
    sent = {"action": "approve", "fence": fence}
    assert signed_in(dana).post(f"/review/{case.pk}/decide", sent).status_code in (409, 422)
    case.refresh_from_db()
    assert case.state == "claimed"


def test_what_people_wrote_cannot_become_markup(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    evil = '<script>alert(1)</script><img src=x onerror=alert(1)><a hx-get="/x">'
    context = [{"number": 1, "passage_id": '"><script>', "document_title": evil, "quote": evil, "heading_path": [evil]}]
    case = open_one(question=evil, answer=evil, context=context)
    page = signed_in(dana).get(f"/review/{case.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert '<a hx-get="/x">' not in page


def test_only_moderators_enter_and_nobody_sees_their_own_case(
    open_one: OpenCase, case: Case, dana: User, charlie: User, ada: User, aaron: User, signed_in: SignIn
) -> None:
    for outsider in (charlie, ada, aaron):
        assert signed_in(outsider).get("/review/").status_code == 403
        for path in ("", "claim", "renew", "release", "decide"):
            client = signed_in(outsider)
            sent = {"fence": "1", "action": "approve"}
            answer = client.get(f"/review/{case.pk}/") if not path else client.post(f"/review/{case.pk}/{path}", sent)
            assert answer.status_code == 404, (outsider, path)
    own = open_one(subject=dana)
    assert signed_in(dana).get(f"/review/{own.pk}/").status_code == 404
    assert str(own.pk) not in signed_in(dana).get("/review/").content.decode()
    assert signed_in(dana).get(f"/review/{new_id()}/").status_code == 404
    assert signed_in(None).get("/review/").status_code == 302


def test_the_bar_counts_what_waits(open_one: OpenCase, dana: User, signed_in: SignIn) -> None:
    open_one()
    open_one(subject=dana)
    areas = {area.name: area.count for area in signed_in(dana).get("/review/").context["shell"].areas}
    assert areas["Review"] == 1


def test_the_page_costs_the_same_however_long_the_queue_is(
    open_one: OpenCase, dana: User, erin: User, signed_in: SignIn
) -> None:
    client, counted = signed_in(dana), []
    for more in (1, 5):
        for _ in range(more):
            claim_case(erin, case_id=open_one().pk)
        with CaptureQueriesContext(connection) as queries:
            client.get("/review/")
        counted.append(len(queries))
    assert counted[0] == counted[1]
