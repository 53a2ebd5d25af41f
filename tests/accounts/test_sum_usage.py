"""The ledger and its sums: by day, person, group, assistant, model and key."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from smtplib import SMTPRecipientsRefused
from typing import ClassVar
from uuid import uuid4

import pytest
from django.core.mail.backends.base import BaseEmailBackend

from accounts.limits import notices as limit_notices
from accounts.limits import usage
from accounts.limits.spending import Spent, record_spending
from accounts.models import Group, LimitCount, Spending, User
from app.errors import BadInputError
from app.inference.costing.costs import Tokens
from app.operations.energy import in_words
from app.operations.spans import read_span
from app.operations.spending_plot import MEASURES, stacked_plot
from app.web.csv_export import write_csv
from tests import factories

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOON.date()
HANDBOOK, OTHER = uuid4(), uuid4()


def spend(user: User, *, assistant=HANDBOOK, model="m", days_ago=0, cost="0.5", **fields) -> None:
    tokens = Tokens(read=100, cached=40, written=20)
    spent = Spent(user.pk, assistant, model, tokens=tokens, seconds=2, cost=Decimal(cost), watt_hours=0.25, **fields)
    record_spending(spent, now=NOON - timedelta(days=days_ago))


def test_answers_of_a_day_are_one_row(alice: User) -> None:
    spend(alice)
    spend(alice)
    row = Spending.objects.get()
    assert (row.answers, row.tokens_in, row.tokens_cached, row.tokens_out) == (2, 200, 80, 40)
    assert (row.seconds, row.cost, row.watt_hours) == (4, Decimal(1), 0.5)


def test_rows_are_apart_by_day_person_assistant_model_and_key(alice: User, bob: User) -> None:
    spend(alice)
    spend(alice, days_ago=1)
    spend(alice, assistant=OTHER)
    spend(alice, model="n")
    spend(alice, key_id=uuid4())
    spend(bob)
    assert Spending.objects.count() == 6


def test_sums_of_those_who_are_gone_stay(alice: User, bob: User) -> None:
    spend(alice)
    spend(bob)
    Spending.objects.update(user=None)
    assert usage.total(TODAY, TODAY).cost == 1
    assert [(line.key, line.sums.answers) for line in usage.summed("user", TODAY, TODAY)] == [(None, 2)]


def test_sums_by_each_way(alice: User, bob: User, charlie: User, crew: Group) -> None:
    spend(alice, cost="1")
    spend(bob, assistant=OTHER, cost="2")
    spend(charlie, model="n", cost="4", days_ago=1)
    days = (TODAY - timedelta(days=1), TODAY)
    costs = {
        by: {line.key: line.sums.cost for line in usage.summed(by, *days)}
        for by in ("day", "user", "assistant", "model")
    }
    assert costs["day"] == {TODAY: 3, days[0]: 4}
    assert costs["user"] == {alice.pk: 1, bob.pk: 2, charlie.pk: 4}
    assert costs["assistant"] == {HANDBOOK: 5, OTHER: 2}
    assert costs["model"] == {"m": 3, "n": 4}
    (line,) = usage.summed("group", *days)
    assert (line.name, line.sums.cost) == ("Crew", 3)
    assert usage.total(*days, user=alice).cost == 1


def test_what_is_asked_for_wrongly_is_said(alice: User) -> None:
    with pytest.raises(BadInputError):
        usage.summed("weekday", TODAY, TODAY)
    with pytest.raises(BadInputError):
        usage.summed("day", TODAY, TODAY - timedelta(days=1))
    for query in ({"from": "yesterday"}, {"period": "aeon"}, {"from": "2020-01-01", "to": "2026-01-01"}):
        with pytest.raises(BadInputError):
            read_span(query)


def test_spans_are_of_whole_days() -> None:
    now = date(2026, 3, 31)
    assert (read_span({"period": "last-month"}, now=now).begin, read_span({"period": "last-month"}, now=now).end) == (
        date(2026, 2, 1),
        date(2026, 2, 28),
    )
    assert read_span({"period": "week"}, now=now).days == 7
    assert read_span({"from": "2026-03-05"}, now=now).end == now


def test_a_sheet_that_opens_the_export_calculates_nothing() -> None:
    said = write_csv(["name", "cost"], [["=HYPERLINK(1)", Decimal("1.5")], [" @x", -2], ["plain, with comma", 0]])
    assert said.splitlines() == ["name,cost", "'=HYPERLINK(1),1.5", "' @x,-2", '"plain, with comma",0']


def test_the_plot_shows_every_day_and_folds_small_models() -> None:
    sums = [(TODAY, f"model-{number}", usage.Sums(cost=Decimal(number))) for number in range(1, 9)]
    plot = stacked_plot(sums, begin=TODAY - timedelta(days=2), end=TODAY, measure=MEASURES["cost"])
    assert [one.name for one in plot.series] == ["model-8", "model-7", "model-6", "model-5", "Others"]
    assert plot.whole == "36.00 EUR"
    assert round(sum(piece.height for piece in plot.pieces)) == round(36 / 50 * (plot.floor - 12))
    assert len(plot.rows) == 1


def test_energy_in_words() -> None:
    assert in_words(0) == ""
    assert in_words(0.8) == "as much as an LED lamp of 8 watts needs in 6 minutes"
    assert in_words(30) == "as much as a laptop needs in 60 minutes"
    assert in_words(1100) == "as much as boiling a litre of water takes, 10 times"


class RefusesAda(BaseEmailBackend):
    """As a mail server that does not know her address."""

    reached: ClassVar[list[str]] = []

    def send_messages(self, email_messages):
        (message,) = email_messages
        if "ada@example.org" in message.recipients():
            raise SMTPRecipientsRefused({"ada@example.org": (550, b"no such person")})
        self.reached.extend(message.recipients())
        return 1


class TestWarnings:
    def fill(self, limit, used: int, holder=None) -> LimitCount:
        began_at = limit_notices.begin_of(limit.period, NOON)
        return LimitCount.objects.create(limit=limit, holder_id=holder or limit.pk, began_at=began_at, used=used)

    def test_administrators_hear_once_a_period_of_what_many_share(self, ada: User, crew: Group, mailoutbox) -> None:
        group = factories.make_limit(subject="group", subject_id=crew.pk, subject_name="Crew", amount=100)
        self.fill(group, 84)
        self.fill(factories.make_limit(subject="all", measure="tokens", amount=100), 10)
        assert [limit_notices.warn_administrators(NOON) for _ in range(2)] == [1, 0]
        (mail,) = mailoutbox
        assert mail.bcc == ["ada@example.org"]
        assert mail.subject == "Crew: 84 % of 100 questions a day used"

    def test_people_are_told_in_the_chat_and_not_by_mail(self, alice: User, ada: User, mailoutbox) -> None:
        limit = factories.make_limit(subject="each", amount=100)
        self.fill(limit, 84, holder=alice.pk)
        assert limit_notices.warn_administrators(NOON) == 0
        (standing,) = limit_notices.notices_for(alice, now=NOON)
        assert standing.words == (
            "You have used 84 % of your 100 questions a day. It begins anew on 11 March at 00:00 UTC."
        )
        assert limit_notices.notices_for(ada, now=NOON) == []
        (holder,) = limit_notices.near_holders(now=NOON)
        assert (holder.name, holder.standing.percent) == ("Alice", 84)

    def test_the_fullest_comes_first_whatever_it_is_full_of(self, bob: User) -> None:
        tokens = factories.make_limit(subject="each", measure="tokens", amount=10_000)
        questions = factories.make_limit(subject="each", amount=10)
        nothing = factories.make_limit(subject="all", amount=0)
        for used in range(8_000, 9_000, 100):
            self.fill(tokens, used, holder=uuid4())
        self.fill(questions, 10, holder=bob.pk)
        self.fill(nothing, 1)
        near = limit_notices.near_holders(now=NOON, most=2)
        assert [holder.standing.limit for holder in near] == [nothing, questions]
        full = limit_notices.standings_of_limits([tokens, questions], now=NOON)
        assert [(one.limit, one.used) for one in full] == [(tokens, 8_900), (questions, 10)]

    def test_a_mail_server_that_refuses_is_tried_again(self, ada: User, settings, mailoutbox) -> None:
        self.fill(factories.make_limit(amount=10), 9)
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
        assert limit_notices.warn_administrators(NOON) == 0
        settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
        assert limit_notices.warn_administrators(NOON) == 1

    def test_whom_one_mail_reached_gets_no_other_because_another_was_refused(self, ada: User, settings, db) -> None:
        User.objects.filter(pk=ada.pk).update(language="de")
        factories.make_user("adam", roles=["admin"])
        self.fill(factories.make_limit(amount=10), 9)
        settings.EMAIL_BACKEND = f"{__name__}.RefusesAda"
        RefusesAda.reached.clear()
        assert [limit_notices.warn_administrators(NOON) for _ in range(2)] == [1, 0]
        assert RefusesAda.reached == ["adam@example.org"]

    def test_old_counts_are_forgotten(self, db: None) -> None:
        minute = factories.make_limit(period="minute")
        month = factories.make_limit(period="month")
        self.fill(minute, 1)
        self.fill(month, 1)
        assert limit_notices.forget_old_counts(NOON + timedelta(days=3)) == 1
        assert LimitCount.objects.get().limit == month
