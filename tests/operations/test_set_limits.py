"""Setting limits and looking at usage, on the pages and over REST."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.limits import limits
from accounts.limits.limits import Terms
from accounts.limits.periods import begin_of
from accounts.limits.spending import Spent, record_spending
from accounts.models import ApiKey, AuditEvent, Group, Limit, LimitCount, User
from app.errors import BadInputError, ConflictError, NotAllowedError
from app.inference.costing.costs import Tokens
from chat.models import Assistant
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db
EACH_DAY = Terms(subject="each", measure="questions", amount=Decimal(20), period="day")


def spend(user: User, **fields) -> None:
    record_spending(
        Spent(user.pk, **{"model_name": "m", "tokens": Tokens(read=90, written=10), "cost": Decimal("0.25"), **fields})
    )


def test_only_administrators_set_limits(ada: User, aaron: User, alice: User) -> None:
    for person in (aaron, alice):
        with pytest.raises(NotAllowedError):
            limits.create_limit(actor=person, terms=EACH_DAY)
    limit = limits.create_limit(actor=ada, terms=EACH_DAY)
    event = AuditEvent.objects.get(action="limit.create", object=f"limit:{limit.pk}")
    assert event.payload["amount"] == "20"


def test_one_limit_of_a_kind(ada: User) -> None:
    limit = limits.create_limit(actor=ada, terms=EACH_DAY)
    with pytest.raises(ConflictError):
        limits.create_limit(actor=ada, terms=EACH_DAY)
    limits.remove_limit(actor=ada, limit=limit)
    limits.create_limit(actor=ada, terms=EACH_DAY)
    with pytest.raises(ConflictError):
        limits.restore_limit(actor=ada, limit=limit)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal(-1)},
        {"amount": Decimal("1.5")},
        {"amount": Decimal("NaN")},
        {"amount": Decimal("Infinity")},
        {"amount": Decimal(10) ** 12},
        {"measure": "money", "amount": Decimal("0.0000001")},
        {"measure": "wishes"},
        {"period": "aeon"},
        {"subject": "planet"},
        {"subject": "group", "subject_id": uuid4()},
        {"subject": "person"},
        {"subject": "key", "subject_id": uuid4()},
        {"subject": "assistant", "subject_id": uuid4()},
        {"warn_percent": 0},
        {"warn_percent": 101},
    ],
)
def test_what_makes_no_sense_is_refused(ada: User, wrong: dict[str, object]) -> None:
    terms = Terms(**{"subject": "each", "measure": "questions", "amount": Decimal(1), "period": "day", **wrong})
    with pytest.raises(BadInputError):
        limits.create_limit(actor=ada, terms=terms)


def test_a_limit_of_a_month_begins_with_what_is_used_up(ada: User, alice: User, bob: User, crew: Group) -> None:
    factories.make_key(alice)
    key = ApiKey.objects.get()
    handbook = uuid4()
    spend(alice, key_id=key.pk, assistant_id=handbook)
    spend(bob, cost=Decimal("0.5"))
    spend(ada)
    began = {
        "each": None,
        "person": alice.pk,
        "group": crew.pk,
        "key": key.pk,
        "assistant": handbook,
        "all": None,
    }
    used = {}
    for subject, subject_id in began.items():
        terms = Terms(subject, "money", Decimal(100), "month", subject_id, "Handbook")
        limit = limits.create_limit(actor=ada, terms=terms)
        used[subject] = sorted(LimitCount.objects.filter(limit=limit).values_list("used", flat=True))
    quarter, half = Decimal("0.25"), Decimal("0.50")
    assert used == {
        "each": [quarter, quarter, half],
        "person": [quarter],
        "group": [3 * quarter],
        "key": [quarter],
        "assistant": [quarter],
        "all": [Decimal(1)],
    }


def test_pages_set_change_remove_and_bring_back(ada: User, alice: User, signed_in: SignIn) -> None:
    browser = signed_in(ada)
    data = {"who": "ALICE@example.org", "amount": "5", "measure": "questions", "period": "day", "warn_percent": "80"}
    assert browser.post("/operations/limits/new/person/", data).status_code == 302
    limit = Limit.objects.get()
    assert (limit.subject_id, limit.subject_name, limit.amount) == (alice.pk, "Alice", 5)
    change = {"amount": "9", "warn_percent": "50"}
    assert browser.post(f"/operations/limits/{limit.pk}/", change).status_code == 302
    page = browser.get("/operations/limits/").content.decode()
    assert "9 questions a day" in page
    assert "Alice" in page
    browser.post(f"/operations/limits/{limit.pk}/remove/")
    assert "Bring back" in browser.get("/operations/limits/").content.decode()
    browser.post(f"/operations/limits/{limit.pk}/restore/")
    assert Limit.objects.live().get() == limit


def test_one_whose_place_is_taken_is_not_brought_back(ada: User, signed_in: SignIn) -> None:
    limit = factories.make_limit(amount=9, removed_at=timezone.now())
    factories.make_limit(amount=5)
    page = signed_in(ada).post(f"/operations/limits/{limit.pk}/restore/", follow=True)
    assert page.status_code == 200
    assert "Another limit took its place." in page.content.decode()


@pytest.mark.parametrize("subject", Limit.Subject.values)
def test_each_kind_has_a_form(ada: User, crew: Group, signed_in: SignIn, subject: str) -> None:
    factories.make_key(ada)
    factories.make_assistant()
    browser = signed_in(ada)
    page = browser.get(f"/operations/limits/new/{subject}/")
    assert page.status_code == 200
    wrong = browser.post(f"/operations/limits/new/{subject}/", {"amount": "many"})
    assert wrong.status_code == 422


def test_a_form_says_what_is_wrong(ada: User, signed_in: SignIn) -> None:
    data = {"who": "nobody@example.org", "amount": "5", "measure": "questions", "period": "day", "warn_percent": "80"}
    page = signed_in(ada).post("/operations/limits/new/person/", data)
    assert page.status_code == 422
    assert "There is nobody with the address" in page.content.decode()


def test_an_auditor_reads_and_changes_nothing(aaron: User, signed_in: SignIn) -> None:
    factories.make_limit()
    page = signed_in(aaron).get("/operations/limits/").content.decode()
    assert "10 questions a day" in page
    assert "Remove" not in page


def test_notices_are_of_the_assistant_too_where_one_may_use_it(alice: User, signed_in: SignIn) -> None:
    assistant = factories.make_assistant()
    limit = factories.make_limit(subject="assistant", subject_id=assistant.pk, subject_name="Handbook")
    LimitCount.objects.create(limit=limit, holder_id=limit.pk, began_at=begin_of("day", timezone.now()), used=9)
    address, browser = f"/account/usage/notices/?assistant={assistant.slug}", signed_in(alice)
    assert f'hx-get="{address}"' in browser.get("/").content.decode()
    assert "The assistant Handbook has used 90 %" in browser.get(address).content.decode()
    Assistant.objects.update(is_for_everyone=False)
    assert "Handbook" not in browser.get(address).content.decode()


def test_usage_pages_show_sums(ada: User, alice: User, crew: Group, signed_in: SignIn) -> None:
    assistant = factories.make_assistant()
    spend(alice, assistant_id=assistant.pk)
    browser = signed_in(ada)
    for by, name in {"assistant": "Handbook", "user": "Alice", "group": "Crew", "model": "m"}.items():
        page = browser.get("/operations/usage/", {"by": by}).content.decode()
        assert name in page
        assert "0.25 EUR" in page
    for measure in ("cost", "tokens", "answers", "energy"):
        assert (
            "<rect" in browser.get("/operations/usage/", {"measure": measure}).content.decode() or measure == "energy"
        )
    own = signed_in(alice).get("/account/usage/").content.decode()
    assert "0.25 EUR" in own
    assert "Handbook" in own
    assert browser.get("/operations/usage/", {"period": "aeon"}).status_code == 422


def test_the_export_is_audited(ada: User, alice: User, signed_in: SignIn) -> None:
    alice.name = "=1+1"
    alice.save()
    spend(alice)
    answer = signed_in(ada).get("/operations/usage.csv", {"by": "user"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert lines[0] == "user,id,answers,tokens_in,tokens_cached,tokens_out,seconds,cost_eur,watt_hours"
    assert lines[1].startswith(f"'=1+1,{alice.pk},1,90,0,10,0.0,0.250000")
    assert AuditEvent.objects.filter(action="usage.export", actor=str(ada.pk)).exists()


def test_programs_read_usage(ada: User, alice: User, with_key: SignIn) -> None:
    spend(alice)
    today = timezone.now().date()
    said = with_key(ada).get("/api/v1/usage", {"by": "user", "from": str(today), "to": str(today)}).json()
    assert (said["currency"], said["total"]["answers"], said["items"][0]["name"]) == ("EUR", 1, "Alice")
    assert Decimal(said["items"][0]["cost"]) == Decimal("0.25")
    mine = with_key(alice).get("/api/v1/usage/mine", {"by": "model"}).json()
    assert [(line["key"], line["tokens_out"]) for line in mine["items"]] == [("m", 10)]
    assert with_key(alice).get("/api/v1/usage/mine", {"by": "user"}).status_code == 422
    yesterday = str(today - timedelta(days=1))
    assert with_key(ada).get("/api/v1/usage", {"from": str(today), "to": yesterday}).status_code == 422


def test_programs_set_limits(ada: User, with_key: SignIn) -> None:
    program = with_key(ada)
    body = {"subject": "each", "measure": "questions", "amount": 3, "period": "hour"}
    made = program.post("/api/v1/limits", body, content_type="application/json")
    assert made.status_code == 201
    address = f"/api/v1/limits/{made.json()['id']}"
    changed = program.patch(address, {"amount": 4}, content_type="application/json").json()
    assert (Decimal(changed["amount"]), changed["warn_percent"]) == (4, 80)
    assert [one["id"] for one in program.get("/api/v1/limits").json()["items"]] == [made.json()["id"]]
    assert program.delete(address).status_code == 204
    assert program.patch(address, {"amount": 4}, content_type="application/json").status_code == 404
    assert program.post(f"{address}/restore").status_code == 200
    again = program.post("/api/v1/limits", body, content_type="application/json")
    assert again.status_code == 409


def test_everybody_sees_their_own_limits(alice: User, charlie: User, crew: Group, with_key: SignIn) -> None:
    factories.make_limit(subject="group", subject_id=crew.pk, subject_name="Crew")
    assert [one["subject"] for one in with_key(alice).get("/api/v1/limits/mine").json()["items"]] == ["group"]
    assert with_key(charlie).get("/api/v1/limits/mine").json()["items"] == []
