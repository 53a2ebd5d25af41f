"""When sources are looked through by themselves."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.registry import CONNECTORS
from knowledge.models import Source, Sync
from knowledge.sources import change_source, create_source, delete_source, pause_source, resume_source
from knowledge.syncs.scheduling import CHOICES, checked, describe, next_time, start_due
from tests import factories

SATURDAY = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "at", "words"),
    [
        ("every 15 minutes", "2026-11-21 12:45", "Every 15 minutes"),
        ("every 45 minutes", "2026-11-21 13:19", "Every 45 minutes"),
        ("Hourly", "2026-11-21 13:00", "Every hour"),
        ("daily", "2026-11-22 00:00", "Every day at 00:00"),
        ("daily at 03:00", "2026-11-22 03:00", "Every day at 03:00"),
        ("daily  at 23:59", "2026-11-21 23:59", "Every day at 23:59"),
        ("weekly", "2026-11-23 00:00", "Every Monday at 00:00"),
        ("weekly on monday at 3:05", "2026-11-23 03:05", "Every Monday at 03:05"),
        ("weekly on saturday", "2026-11-28 00:00", "Every Saturday at 00:00"),
        ("weekly on saturday at 12:35", "2026-11-21 12:35", "Every Saturday at 12:35"),
        ("weekly on sunday", "2026-11-22 00:00", "Every Sunday at 00:00"),
        ("30 6 * * 1-5", "2026-11-23 06:30", "By the cron line 30 6 * * 1-5"),
        ("0 0 1 */3 *", "2027-01-01 00:00", "By the cron line 0 0 1 */3 *"),
        ("0 12 29 2 *", "2028-02-29 12:00", "By the cron line 0 12 29 2 *"),
    ],
)
def test_a_schedule_means_a_time(schedule: str, at: str, words: str) -> None:
    kept = checked(schedule)
    following = next_time(kept, SATURDAY)
    assert following
    assert f"{following:%Y-%m-%d %H:%M}" == at
    assert describe(kept) == words


def test_times_are_those_of_the_installation(settings: object) -> None:
    settings.TIME_ZONE = "Europe/Berlin"  # type: ignore[attr-defined]
    following = next_time("daily at 03:00", SATURDAY)
    assert following == datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_the_choices_can_be_chosen() -> None:
    assert [checked(choice) for choice in CHOICES] == list(CHOICES)
    assert next_time("") is None


@pytest.mark.parametrize(
    "schedule",
    [
        "sometimes",
        "daily at 25:00",
        "every 0 minutes",
        "every 2000 minutes",
        "* * * *",
        "61 * * * *",
        "0 0 30 2 *",
        "x x x x x",
        "weekly on moonday",
        "0 0 * * funday",
        "- - - - -",
        "*/0 * * * *",
    ],
)
def test_anything_else_is_refused_with_the_choices(schedule: str) -> None:
    with pytest.raises(BadInputError, match=r"every 15 minutes.*cron"):
        checked(schedule)


@pytest.fixture
def source(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setitem(CONNECTORS, "shelf", "tests.knowledge.shelf.ShelfConnector")
    keeper = factories.make_user("olivia", roles=["owner"])
    return create_source(actor=keeper, name="Shelf", kind="shelf", schedule="hourly")


def make_due(source: Source) -> None:
    Source.objects.filter(pk=source.pk).update(next_sync_at=timezone.now() - timedelta(hours=5))


def test_what_is_due_is_begun_once(source: Source) -> None:
    assert start_due() == []
    make_due(source)
    begun = start_due()
    sync = Sync.objects.get()
    assert (begun, sync.cause) == ([sync.pk], Sync.Cause.SCHEDULE)
    source.refresh_from_db()
    assert source.next_sync_at
    assert source.next_sync_at > timezone.now()
    assert start_due() == []


def test_nothing_piles_up_behind_a_sync_that_still_runs(source: Source) -> None:
    make_due(source)
    start_due()
    make_due(source)
    assert start_due() == []
    assert Sync.objects.count() == 1


@pytest.mark.parametrize("deed", [pause_source, delete_source])
def test_paused_and_deleted_sources_are_never_due(source: Source, deed: object) -> None:
    make_due(source)
    deed(actor=source.owner, source=source)  # type: ignore[operator]
    make_due(source)
    assert start_due() == []


def test_after_a_pause_it_is_due_again(source: Source) -> None:
    pause_source(actor=source.owner, source=source)
    assert resume_source(actor=source.owner, source=source).next_sync_at


def test_another_schedule_is_another_next_time(source: Source) -> None:
    weekly = f"weekly on {timezone.now() + timedelta(days=3):%A}".lower()
    before = source.next_sync_at
    assert change_source(actor=source.owner, source=source, schedule=weekly).next_sync_at != before
    assert change_source(actor=source.owner, source=source, schedule="").next_sync_at is None


def test_two_clocks_begin_one_sync(source: Source) -> None:
    make_due(source)
    begun: list[object] = []

    def tick() -> None:
        try:
            begun.extend(start_due())
        finally:
            connection.close()

    threads = [threading.Thread(target=tick, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(begun) == Sync.objects.count() == 1


def test_uploads_need_no_schedule(db: None) -> None:
    keeper: User = factories.make_user("olivia", roles=["owner"])
    with pytest.raises(BadInputError, match="no schedule"):
        create_source(actor=keeper, name="A", schedule="daily")
