"""One e-mail a day of what waits, to whom it waits for; none when nothing does."""

from __future__ import annotations

import threading
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from accounts.people.people import choose_reminders
from knowledge.keeping.reminders import digest_of, remind, send_reminders
from knowledge.models import Document, Reminder, Sync
from tests import factories

pytestmark = pytest.mark.django_db


class RefusingBackend(EmailBackend):
    """A mail server that breaks off."""

    def send_messages(self, email_messages):
        raise SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.fixture(autouse=True)
def any_hour(settings):
    settings.REMINDER_HOUR = 0
    settings.PUBLIC_URL = "https://parley.example.org"


@pytest.fixture
def overdue(olivia):
    """Olivia's source, which should have been looked at ten days ago."""
    return factories.make_source(owner=olivia, name="Rules", review_by=timezone.localdate() - timedelta(days=10))


def test_nothing_waits_and_nothing_is_sent(olivia, handbook):
    factories.make_document(source=handbook)
    assert send_reminders() == 0
    assert not mail.outbox and not Reminder.objects.exists()


def test_all_that_waits_is_in_one_mail(olivia, overdue, handbook):
    handbook.review_by = timezone.localdate() + timedelta(days=9)
    handbook.save()
    factories.make_document(source=handbook, title="Pay bands", state=Document.State.HELD, reason="Names a card.")
    factories.make_document(source=handbook, title="Broken", state=Document.State.REJECTED, reason="Not a PDF.")
    Sync.objects.create(source=overdue, state=Sync.State.FAILED, finished_at=timezone.now())
    Sync.objects.create(source=handbook, state=Sync.State.DONE, withheld=40, finished_at=timezone.now())
    gap = factories.make_gap(source=handbook)
    assert send_reminders() == 1
    message = mail.outbox[0]
    assert message.to == [olivia.email] and message.subject == "7 things wait for you in Parley"
    html = message.alternatives[0].content
    for part in (message.body, html):
        for said in (
            "Rules",
            "Handbook",
            "Pay bands",
            "Names a card.",
            "Broken",
            "Not a PDF.",
            "40 document",
            gap.title,
        ):
            assert said in part
        assert f"https://parley.example.org/knowledge/gaps/{gap.pk}/" in part
        assert "https://parley.example.org/knowledge/home/" in part


def test_once_a_day(overdue, olivia):
    assert send_reminders() == 1
    assert send_reminders() == 0
    Reminder.objects.update(day=timezone.localdate() - timedelta(days=1))
    assert send_reminders() == 1
    assert len(mail.outbox) == 2


def test_not_before_its_hour(overdue, settings):
    settings.REMINDER_HOUR = 24
    assert send_reminders() == 0


def test_a_mail_server_that_fails_is_tried_again_by_the_next_run(overdue, settings):
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    assert send_reminders() == 0 and not Reminder.objects.exists()
    settings.EMAIL_BACKEND = working
    assert send_reminders() == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one(overdue, olivia):
    day = timezone.localdate()
    barrier = threading.Barrier(2, timeout=60)
    sent = []

    def work():
        try:
            barrier.wait()
            sent.append(remind(olivia, day))
        finally:
            connection.close()

    workers = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(sent) == [False, True] and len(mail.outbox) == 1


def test_who_does_not_want_them_gets_none(overdue, olivia):
    choose_reminders(actor=olivia, wanted=False)
    assert send_reminders() == 0
    choose_reminders(actor=olivia, wanted=True)
    assert send_reminders() == 1


def test_a_suspended_keeper_gets_none(overdue, olivia):
    olivia.is_active = False
    olivia.save()
    assert send_reminders() == 0


def test_after_a_month_admins_are_told_too(overdue, ada, olivia):
    assert not digest_of(ada).count
    overdue.review_by = timezone.localdate() - timedelta(days=31)
    overdue.save()
    assert [source.pk for source in digest_of(ada).escalated] == [overdue.pk]
    assert send_reminders() == 2
    told = next(message for message in mail.outbox if message.to == [ada.email])
    assert "Kept by others" in told.body and "Olivia" in told.body


def test_topics_that_nobody_has_wait_for_admins(ada, olivia, handbook):
    nobodys = factories.make_gap()
    olivias = factories.make_gap(source=handbook)
    given = factories.make_gap(source=handbook, assignee=ada, state="assigned")
    assert {gap.pk for gap in digest_of(ada).gaps} == {nobodys.pk, given.pk}
    assert {gap.pk for gap in digest_of(olivia).gaps} == {olivias.pk}
