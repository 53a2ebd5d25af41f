"""Counting against limits: who is counted, exactly how many get through, and when it goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.errors import LimitReachedError
from accounts.limits.counting import Need, take_at_once, take_question, within_limits
from accounts.limits.periods import begin_of, end_of
from accounts.limits.spending import Spent, record_spending, spend_on_embedding
from accounts.models import ApiKey, AuditEvent, Group, Limit, LimitCount, Reservation, Spending, User
from app.inference.costing.costs import Tokens
from tests import factories

NOON = datetime(2026, 2, 28, 12, 0, 30, tzinfo=UTC)
HANDBOOK = uuid4()
NEED = Need(tokens=700, cost=Decimal("0.02"))


def ask(user: User, *, now: datetime = NOON, assistant_id=HANDBOOK, answer_id=None, most: Need = NEED) -> None:
    with within_limits():
        take_question(user, assistant_id=assistant_id, answer_id=answer_id or uuid4(), most=lambda: most, now=now)


def allowed(*deeds: Callable[[], None]) -> list[bool]:
    let_through = []
    for deed in deeds:
        try:
            deed()
            let_through.append(True)
        except LimitReachedError:
            let_through.append(False)
    return let_through


def test_without_a_limit_nothing_is_asked_of_the_database(alice: User) -> None:
    ask(alice)  # reads which limits there are, for the next seconds
    with CaptureQueriesContext(connection) as captured:
        take_question(alice, assistant_id=HANDBOOK, answer_id=uuid4(), most=lambda: NEED)
    assert len(captured) == 0


def test_each_person_has_the_limit_for_themselves(alice: User, bob: User) -> None:
    factories.make_limit(subject="each", amount=2)
    assert allowed(*[lambda: ask(alice)] * 3) == [True, True, False]
    assert allowed(lambda: ask(bob)) == [True]


def test_a_persons_limit_is_not_anothers(alice: User, bob: User) -> None:
    factories.make_limit(subject="person", subject_id=alice.pk, amount=1)
    assert allowed(*[lambda: ask(alice)] * 2, lambda: ask(bob)) == [True, False, True]


def test_a_group_uses_up_its_limit_together(alice: User, bob: User, charlie: User, crew: Group) -> None:
    factories.make_limit(subject="group", subject_id=crew.pk, subject_name="Crew", amount=2)
    assert allowed(lambda: ask(alice), lambda: ask(bob), lambda: ask(alice)) == [True, True, False]
    assert allowed(lambda: ask(charlie)) == [True]


def test_a_keys_limit_leaves_the_browser_alone(alice: User) -> None:
    factories.make_key(alice)
    key = ApiKey.objects.get(user=alice)
    factories.make_limit(subject="key", subject_id=key.pk, subject_name="script", amount=1)
    program = User.objects.get(pk=alice.pk)
    program.key_id = key.pk
    assert allowed(*[lambda: ask(program)] * 2, lambda: ask(alice)) == [True, False, True]


def test_an_assistants_limit_leaves_others_alone(alice: User, bob: User) -> None:
    factories.make_limit(subject="assistant", subject_id=HANDBOOK, subject_name="Handbook", amount=1)
    assert allowed(lambda: ask(alice), lambda: ask(bob)) == [True, False]
    assert allowed(lambda: ask(bob, assistant_id=uuid4())) == [True]


def test_everybody_together(alice: User, charlie: User) -> None:
    factories.make_limit(subject="all", amount=1)
    assert allowed(lambda: ask(alice), lambda: ask(charlie)) == [True, False]


def test_what_one_limit_refuses_is_not_taken_from_another(alice: User) -> None:
    wide = factories.make_limit(subject="all", amount=100)
    factories.make_limit(subject="each", amount=1)
    assert allowed(*[lambda: ask(alice)] * 5) == [True, False, False, False, False]
    assert LimitCount.objects.get(limit=wide).used == 1


def test_an_amount_of_nothing_lets_nothing_through(alice: User) -> None:
    factories.make_limit(subject="each", amount=0)
    assert allowed(lambda: ask(alice)) == [False]


def test_a_removed_limit_refuses_nobody_even_while_a_copy_knows_it(alice: User) -> None:
    limit = factories.make_limit(subject="each", amount=1)
    ask(alice)
    Limit.objects.filter(pk=limit.pk).update(removed_at=NOON)
    assert allowed(lambda: ask(alice)) == [True]


def test_a_changed_amount_holds_at_the_next_question(alice: User) -> None:
    limit = factories.make_limit(subject="each", amount=1)
    ask(alice)
    Limit.objects.filter(pk=limit.pk).update(amount=2)
    assert allowed(*[lambda: ask(alice)] * 2) == [True, False]


@pytest.mark.parametrize(
    ("period", "turns"),
    [
        ("minute", datetime(2026, 2, 28, 12, 1, tzinfo=UTC)),
        ("hour", datetime(2026, 2, 28, 13, 0, tzinfo=UTC)),
        ("day", datetime(2026, 3, 1, tzinfo=UTC)),
        ("month", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_it_goes_on_when_the_period_turns(alice: User, period: str, turns: datetime) -> None:
    factories.make_limit(subject="each", amount=1, period=period)
    ask(alice)
    with pytest.raises(LimitReachedError) as refused:
        ask(alice)
    assert refused.value.retry_after == (turns - NOON).total_seconds()
    just_before = turns - timedelta(microseconds=1)
    assert allowed(lambda: ask(alice, now=just_before), lambda: ask(alice, now=turns)) == [False, True]


def test_periods_are_those_of_the_calendar_in_utc() -> None:
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert begin_of("month", late) == datetime(2026, 12, 1, tzinfo=UTC)
    assert end_of("month", late) == end_of("day", late) == end_of("minute", late) == datetime(2027, 1, 1, tzinfo=UTC)


def settle(user: User, answer_id, *, written: int, cost: str = "0") -> None:
    spent = Spent(user.pk, HANDBOOK, "m", tokens=Tokens(written=written), cost=Decimal(cost))
    record_spending(spent, answer_id=answer_id, now=NOON)


def test_tokens_are_set_aside_and_settled(alice: User) -> None:
    limit = factories.make_limit(subject="each", measure="tokens", amount=1000)
    first, second = uuid4(), uuid4()
    ask(alice, answer_id=first)
    with pytest.raises(LimitReachedError, match="set aside for answers under way") as refused:
        ask(alice)
    assert refused.value.retry_after < 60
    settle(alice, first, written=250)
    count = LimitCount.objects.get(limit=limit)
    assert (count.used, count.reserved) == (250, 0)
    ask(alice, answer_id=second)
    settle(alice, second, written=700)
    with pytest.raises(LimitReachedError, match="50 tokens left") as refused:
        ask(alice)
    assert refused.value.retry_after > 3600
    assert Reservation.objects.count() == 0


def test_money_is_set_aside_and_settled(alice: User) -> None:
    limit = factories.make_limit(subject="all", measure="money", amount="0.05", period="month")
    answers = [uuid4(), uuid4()]
    assert allowed(*[lambda one=one: ask(alice, answer_id=one) for one in answers], lambda: ask(alice)) == [
        True,
        True,
        False,
    ]
    for answer in answers:
        settle(alice, answer, written=10, cost="0.001")
    count = LimitCount.objects.get(limit=limit)
    assert (count.used, count.reserved) == (Decimal("0.002"), 0)


def test_settling_twice_gives_back_once(alice: User) -> None:
    limit = factories.make_limit(subject="each", measure="tokens", amount=5000)
    answer = uuid4()
    ask(alice, answer_id=answer)
    settle(alice, answer, written=5)
    settle(alice, answer, written=5)
    assert LimitCount.objects.get(limit=limit).used == 5


def test_a_settlement_goes_to_the_period_of_the_question(alice: User) -> None:
    limit = factories.make_limit(subject="each", measure="tokens", amount=5000)
    answer = uuid4()
    ask(alice, answer_id=answer, now=NOON - timedelta(days=1))
    settle(alice, answer, written=9)
    assert LimitCount.objects.get(limit=limit).began_at == begin_of("day", NOON - timedelta(days=1))


def test_an_answer_that_needs_no_model_is_no_matter_of_tokens(alice: User) -> None:
    factories.make_limit(subject="each", measure="tokens", amount=0)
    assert allowed(lambda: ask(alice, most=Need())) == [True]


def test_embedding_counts_tokens_and_no_question(alice: User) -> None:
    questions = factories.make_limit(subject="each", amount=1)
    tokens = factories.make_limit(subject="each", measure="tokens", amount=100)
    spend_on_embedding(alice, model_name="minilm", characters=320)
    with pytest.raises(LimitReachedError):
        spend_on_embedding(alice, model_name="minilm", characters=320)
    assert LimitCount.objects.get(limit=tokens).used == 80
    assert not LimitCount.objects.filter(limit=questions).exists()
    row = Spending.objects.get()
    assert (row.answers, row.tokens_in, row.model_name) == (0, 80, "minilm")


def test_the_words_say_which_limit_when_it_turns_and_whom_to_ask(alice: User, ada: User) -> None:
    factories.make_limit(subject="each", amount=1, created_by=ada)
    ask(alice)
    with pytest.raises(LimitReachedError) as refused:
        ask(alice)
    assert refused.value.message == (
        "You have used up your 1 question a day. It begins anew on 1 March at 00:00 UTC. If you need more, ask Ada."
    )


@pytest.mark.django_db(transaction=True)
class TestTogether:
    """With real transactions of their own."""

    def test_exactly_as_many_as_there_is_room_for(self, alice: User, bob: User, crew: Group) -> None:
        allowed_count, more = 40, 50
        factories.make_limit(subject="group", subject_id=crew.pk, subject_name="Crew", amount=allowed_count)
        factories.make_limit(subject="all", amount=1000)
        factories.make_limit(subject="each", measure="tokens", amount=10**9)
        start = threading.Barrier(15, timeout=60)

        def one(index: int) -> bool:
            if index < 15:
                start.wait(20)
            try:
                return allowed(lambda: ask(alice if index % 2 else bob)) == [True]
            finally:
                connections.close_all()

        with ThreadPoolExecutor(15) as threads:
            let_through = list(threads.map(one, range(allowed_count + more)))
        assert sum(let_through) == allowed_count
        counts = dict(LimitCount.objects.values_list("limit__subject", "used"))
        assert (counts["group"], counts["all"]) == (allowed_count, allowed_count)

    def test_exactly_as_many_from_several_processes(self, alice: User) -> None:
        factories.make_limit(subject="all", amount=40, period="month")
        factories.make_limit(subject="each", measure="tokens", amount=10**9)
        about = connection.settings_dict
        address = f"postgresql://{about['USER']}@/{about['NAME']}?host={about['HOST']}"
        environment = os.environ | {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "app.settings"}
        command = [sys.executable, "-m", "tests.accounts.asking", str(alice.pk), "30"]
        processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
        let_through = [int(process.communicate(timeout=120)[0]) for process in processes]
        assert sum(let_through) == 40
        assert LimitCount.objects.get(limit__subject="all").used == 40
        assert LimitCount.objects.get(limit__subject="each").reserved == 40 * 100

    def test_questions_and_settlements_at_once_lose_nothing(self, alice: User, bob: User) -> None:
        factories.make_limit(subject="all", measure="tokens", amount=10**9)
        factories.make_limit(subject="all", measure="money", amount=10**6, period="month")
        factories.make_limit(subject="each", measure="tokens", amount=10**9, period="hour")

        def one(index: int) -> None:
            person, answer = (alice if index % 2 else bob), uuid4()
            try:
                ask(person, answer_id=answer)
                settle(person, answer, written=10, cost="0.01")
            finally:
                connections.close_all()

        with ThreadPoolExecutor(12) as threads:
            list(threads.map(one, range(120)))
        everybody = LimitCount.objects.get(limit__subject="all", limit__measure="tokens")
        assert (everybody.used, everybody.reserved) == (1200, 0)
        assert LimitCount.objects.get(limit__measure="money").used == Decimal("1.20")
        rows = Spending.objects.values_list("user", "answers", "tokens_out", "cost")
        assert sorted(row[1:] for row in rows) == [(60, 600, Decimal("0.60"))] * 2
        assert Reservation.objects.count() == 0

    def test_a_rolled_back_question_was_never_counted(self, alice: User) -> None:
        factories.make_limit(subject="each", amount=1)
        with pytest.raises(ZeroDivisionError), within_limits():
            take_question(alice, assistant_id=HANDBOOK, answer_id=uuid4(), most=lambda: NEED, now=NOON)
            raise ZeroDivisionError
        assert allowed(lambda: ask(alice)) == [True]

    def test_the_first_refusal_of_a_period_is_in_the_audit_log(self, alice: User) -> None:
        limit = factories.make_limit(subject="each", amount=0)
        before = AuditEvent.objects.filter(action="limit.reached").count()
        assert allowed(*[lambda: ask(alice)] * 3) == [False] * 3
        events = AuditEvent.objects.filter(action="limit.reached", object=f"limit:{limit.pk}")
        assert AuditEvent.objects.filter(action="limit.reached").count() == before + 1
        assert [(event.actor, event.outcome) for event in events] == [(str(alice.pk), "denied")]
        assert LimitCount.objects.get().refused == 3

    def test_a_refusal_within_a_larger_deed_is_recorded_by_it(self, alice: User) -> None:
        limit = factories.make_limit(subject="each", amount=0)
        with pytest.raises(LimitReachedError), within_limits():
            ask(alice)
        assert AuditEvent.objects.filter(object=f"limit:{limit.pk}").count() == 1


def test_take_at_once_needs_no_answer(alice: User) -> None:
    limit = factories.make_limit(subject="each", measure="money", amount=1)
    with within_limits():
        take_at_once(alice, need=Need(cost=Decimal("0.25")), now=NOON)
    assert LimitCount.objects.get(limit=limit).used == Decimal("0.25")
