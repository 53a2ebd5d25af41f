"""How long things are kept: rules for everybody and for groups, what a run removes, and legal holds against it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent, Device, Erasure, Group, Hold, RetentionRun, Spending, User
from accounts.people.groups import delete_group, set_members
from accounts.retention import running
from accounts.retention.holding import begin_hold, end_hold, is_held
from accounts.retention.kinds import days_for, find_kind, kinds
from accounts.retention.rules import drop_rule, set_rule
from app.errors import ConflictError, NotAllowedError
from chat.models import Attachment, Conversation, Feedback, Share
from chat.verbs.attaching import remove_file
from chat.writing.purging import purge_deleted
from knowledge.files import path_of
from knowledge.models import Gap, GapQuestion
from moderation.models import Case, CaseEvent, Decision
from tests import factories
from tests.conftest import SignIn
from tests.recorded import recorded

pytestmark = pytest.mark.django_db


def days_ago(days: int) -> Any:
    return timezone.now() - timedelta(days=days)


def talk(owner: User, *, days: int, **fields: Any) -> Conversation:
    """A conversation whose last message is so many days old."""
    conversation = factories.make_conversation(owner=owner, active_at=days_ago(days), **fields)
    factories.make_answer(conversation=conversation)
    return conversation


def test_the_longest_rule_of_ones_groups_holds_and_else_everybodys(
    alice: User, charlie: User, ada: User, crew: Group
) -> None:
    choir = factories.make_group("Choir", members=[alice])
    whole = factories.make_group("Whole")
    kind = find_kind("conversations")
    assert kind is not None and days_for(alice, kind) is None
    old, older = talk(alice, days=100), talk(alice, days=400, pinned_at=timezone.now())
    of_charlie, new = talk(charlie, days=40), talk(charlie, days=20)
    set_rule(actor=ada, kind="conversations", group=None, days=30)
    set_rule(actor=ada, kind="conversations", group=crew, days=60)
    set_rule(actor=ada, kind="conversations", group=choir, days=200)
    set_rule(actor=ada, kind="conversations", group=whole, days=9_000)  # alice is not in it
    assert (days_for(alice, kind), days_for(charlie, kind)) == (200, 30)
    (going,) = running.preview()
    assert (going.count, dict(going.groups)) == (2, {"": 1, "Choir": 1, "Crew": 1})
    assert {(thing.id, thing.person) for thing in going.first} == {
        (str(older.pk), alice),
        (str(of_charlie.pk), charlie),
    }
    assert "Leave" not in repr(going.first)  # no word of what is in them
    ahead = running.days_ahead()
    assert (len(ahead), ahead[0][1], sum(count for _, count in ahead)) == (30, 2, 3)
    run = running.apply_rules()
    assert run is not None and run.counts == {"conversations": 2} and run.ended_at
    assert set(Conversation.objects.all()) == {old, new}
    (event,) = recorded(action="retention.remove")
    assert event.payload == {"run": run.pk, "kind": "conversations", "removed": 2}
    rule = set_rule(actor=ada, kind="conversations", group=crew, days=10)
    drop_rule(actor=ada, rule=rule)
    drop_rule(actor=ada, rule=rule)
    assert recorded(action="retention.drop_rule").count() == 1


def test_every_kind_goes_by_its_own_days(alice: User, bob: User, ada: User, dana: User) -> None:
    conversation = talk(alice, days=1)
    answer = conversation.messages.get(role="assistant")
    file = factories.make_file(owner=alice, conversation=conversation)
    gone = factories.make_conversation(owner=alice, deleted_at=days_ago(9))
    factories.make_conversation(owner=alice, deleted_at=days_ago(3))
    share = factories.make_share(conversation=conversation, people=[bob], expires_at=days_ago(9))
    factories.make_share(conversation=conversation, people=[bob])
    Feedback.objects.create(message=answer, user=alice, value=1)
    gap = factories.make_gap(questions=("Is there a gym?",), asked_by=alice)
    ended = {"state": Case.State.FINAL, "final_at": days_ago(9)}
    case = factories.make_case(subject=alice, content_id=uuid4(), **ended)
    Decision.objects.create(case=case, reviewer=dana, action="approve", fence=1)
    CaseEvent.objects.create(case=case, kind="approved", actor=dana, fence=1)
    waiting = factories.make_case(subject=alice, content_id=uuid4())
    Device.objects.create(user=alice, session_key="k", seen_at=days_ago(9))
    Spending.objects.create(day=days_ago(9).date(), user=alice, model_name="m", answers=3)
    Attachment.objects.update(created_at=days_ago(9))
    Feedback.objects.update(given_at=days_ago(9))
    GapQuestion.objects.update(asked_at=days_ago(9))
    for kind in kinds():
        if kind.slug != "conversations":
            set_rule(actor=ada, kind=kind.slug, group=None, days=5)
    run = running.apply_rules()
    assert run is not None and run.counts == {kind.slug: 1 for kind in kinds() if kind.slug != "conversations"}
    assert Conversation.objects.filter(deleted_at=None).get() == conversation
    assert not Attachment.objects.filter(pk=file.pk) and not Conversation.objects.filter(pk=gone.pk)
    assert Share.objects.exclude(pk=share.pk).count() == Share.objects.count() == 1
    assert not Gap.objects.filter(pk=gap.pk) and Case.objects.get() == waiting
    assert (Spending.objects.get().user, Spending.objects.get().answers) == (None, 3)
    assert running.preview() == []
    second = running.apply_rules()
    assert second is not None and second.counts == {}


def test_broken_off_the_next_run_does_the_rest(alice: User, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        factories.make_conversation(owner=alice, active_at=days_ago(9))
    set_rule(actor=ada, kind="conversations", group=None, days=5)
    monkeypatch.setattr(running, "AT_ONCE", 2)
    real = running._remove_some

    def die(*args: Any) -> bool:
        if Conversation.objects.count() < 5:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(running, "_remove_some", die)
    with pytest.raises(KeyboardInterrupt):
        running.apply_rules()
    assert Conversation.objects.count() == 3
    monkeypatch.setattr(running, "_remove_some", real)
    assert running.apply_rules() is None  # it may be at work still
    with pytest.raises(CommandError, match="under way already"):
        call_command("retain")
    RetentionRun.objects.update(touched_at=timezone.now() - timedelta(minutes=6))
    assert running.apply_rules() is not None and not Conversation.objects.exists()


def test_the_command_says_first_and_then_does(alice: User, ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("retain", "--dry-run")
    assert "Nothing would go" in capsys.readouterr().out
    old = talk(alice, days=9)
    set_rule(actor=ada, kind="conversations", group=None, days=5)
    call_command("retain", "--dry-run")
    said = capsys.readouterr().out
    assert "1  Conversations" in said and "Crew" in said and str(old.pk) in said and "Leave" not in said
    assert Conversation.objects.exists()
    call_command("retain")
    assert "Removed 1 things" in capsys.readouterr().out and not Conversation.objects.exists()


def test_under_a_hold_nothing_goes_whoever_tries(
    alice: User, charlie: User, ada: User, aaron: User, crew: Group, django_capture_on_commit_callbacks: Any
) -> None:
    old, of_charlie = talk(alice, days=90), talk(charlie, days=90)
    deleted = factories.make_conversation(owner=alice, deleted_at=days_ago(90))
    file = factories.make_file(owner=alice, conversation=old)
    path = path_of(file.file)
    set_rule(actor=ada, kind="conversations", group=None, days=5)
    with pytest.raises(NotAllowedError):
        begin_hold(actor=aaron, group=crew, reason="Asked for by the court.")
    hold = begin_hold(actor=ada, group=crew, reason="Asked for by the court.")
    with pytest.raises(ConflictError, match="already"):
        begin_hold(actor=ada, group=crew, reason="Asked for by the court.")
    with pytest.raises(ConflictError, match="legal hold"):
        delete_group(actor=ada, group=crew)
    # Leaving the group is no way out; who comes into it is held, too.
    set_members(actor=ada, group=crew, members=[charlie])
    assert is_held(alice) and is_held(charlie) and not is_held(ada)
    assert running.preview() == []
    running.apply_rules()
    purge_deleted()
    with django_capture_on_commit_callbacks(execute=True):
        remove_file(alice, file=file)
    assert not Attachment.objects.visible_to(alice) and Attachment.objects.get(pk=file.pk).text
    assert path.exists() and not Attachment.objects.belonging_to(alice)
    assert set(Conversation.objects.filter(pk__in=[old.pk, of_charlie.pk, deleted.pk])) == {old, of_charlie, deleted}
    # When it ends, what waited goes.
    end_hold(actor=ada, hold=hold)
    with pytest.raises(ConflictError, match="ended meanwhile"):
        end_hold(actor=ada, hold=hold)
    with django_capture_on_commit_callbacks(execute=True):
        assert purge_deleted() == 2  # with what was set aside
    running.apply_rules()
    assert not Conversation.objects.exists() and not Attachment.objects.exists() and not path.exists()
    actions = AuditEvent.objects.filter(object=f"hold:{hold.pk}").values_list("action", flat=True)
    assert set(actions) == {"hold.begin", "hold.end"}
    delete_group(actor=ada, group=crew)
    assert Hold.objects.get().group is None


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"kind": "dreams", "days": "9"}, "Choose what the rule is about."),
        ({"kind": "conversations", "days": "0"}, "Keep it for 1 to 36500 days."),
        ({"kind": "deleted-conversations", "days": "31"}, "Keep it for 1 to 30 days."),
        ({"kind": "conversations", "days": "many"}, "Write the number of days."),
        ({"kind": "conversations", "days": "9", "group": "x"}, "Choose a group of the list."),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_reason(
    ada: User, signed_in: SignIn, data: dict[str, str], wrong: str
) -> None:
    answer = signed_in(ada).post(reverse("people:retention"), data)
    assert answer.status_code == 422 and wrong in answer.content.decode()


def test_the_pages_do_what_they_say(alice: User, ada: User, aaron: User, signed_in: SignIn, crew: Group) -> None:
    admin, auditor, own = signed_in(ada), signed_in(aaron), signed_in(alice)
    talk(alice, days=9)
    page = reverse("people:retention")
    admin.post(page, {"kind": "conversations", "days": "5", "group": str(crew.pk)})
    seen = admin.get(page, {"try": ""}).content.decode()
    assert "What a run would remove now" in seen and "Conversations: 1" in seen and "Alice" in seen
    assert "Set a rule" in seen and "Set a rule" not in auditor.get(page).content.decode()
    assert "5 days" in own.get(reverse("chat:own_data")).content.decode()
    holds = reverse("people:holds")
    assert "10 to 500 characters" in admin.post(holds, {"person": alice.email, "reason": "So."}).content.decode()
    admin.post(holds, {"person": alice.email, "reason": "Asked for by the court."})
    assert "Asked for by the court." in auditor.get(holds).content.decode()
    told = own.get(reverse("chat:own_data")).content.decode()
    assert "court" not in told and "Legal hold" not in told
    erase = reverse("people:erase", args=[alice.pk])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "so nothing of theirs may go" in admin.get(erase).content.decode()
    assert admin.post(erase, {"typed": alice.email}).status_code == 422
    admin.post(reverse("people:end_hold", args=[Hold.objects.get().pk]))
    assert admin.post(erase, {"typed": "somebody"}).status_code == 422
    assert admin.post(erase, {"typed": alice.email}).status_code == 302
    assert "Erasing: 0 things" in admin.get(reverse("people:erase_progress", args=[alice.pk])).content.decode()
    assert "under way" in auditor.get(reverse("people:erasures")).content.decode()


def test_one_asks_to_be_deleted_and_takes_it_back(bob: User, ada: User, signed_in: SignIn) -> None:
    page, data = signed_in(bob), reverse("chat:own_data")
    ask = reverse("chat:ask_erasure")
    assert "Write the e-mail address" in page.post(ask, {"email": "x"}).content.decode()
    page.post(ask, {"email": bob.email})
    assert "You asked for it on" in page.get(data).content.decode()
    page.post(reverse("chat:take_back_erasure"))
    assert "Ask to delete my account" in page.get(data).content.decode()
    page.post(ask, {"email": bob.email})
    admin = signed_in(ada)
    admin.post(reverse("people:decline_erasure", args=[Erasure.objects.live().get().pk]))
    states = Erasure.objects.values_list("state", flat=True)
    assert list(states) == ["declined", "declined"]
