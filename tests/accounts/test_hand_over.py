"""Leaving, and two accounts of one person: everything moves that should, nothing is lost, nothing is said twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.apps import apps
from django.db.models import ForeignKey, ManyToManyField
from django.utils import timezone

from accounts.models import ApiKey, Group, Role, User
from accounts.people import handing_over, people
from accounts.people.belongings import had_by
from app.errors import BadInputError, ConflictError, NotAllowedError
from chat.models import Conversation, Message, SavedPrompt, Share, Tag
from chat.pages.finding import Wanted, find_messages
from knowledge.models import Source
from moderation.models import Case
from tests import factories
from tests.recorded import recorded

# Where a person is named and stays named: what they did, and what is theirs alone.
STAYS = {
    # history: who did it then did it
    "accounts.Limit.created_by",
    "accounts.Invitation.invited_by",
    "accounts.Invitation.user",
    "accounts.DirectoryPerson.user",
    "accounts.Insight.reader",
    "accounts.Insight.person",
    "accounts.Insight.approved_by",
    "accounts.Insight.ended_by",
    "accounts.Spending.user",
    "accounts.User.merged_into",
    "chat.PromptVersion.created_by",
    "knowledge.Passage.disabled_by",
    "knowledge.Version.accepted_by",
    "knowledge.Reminder.person",
    "moderation.PolicyVersion.created_by",
    "moderation.Decision.reviewer",
    "moderation.CaseEvent.actor",
    # what was decided about keeping and erasing
    "accounts.RetentionRule.set_by",
    "accounts.Hold.person",
    "accounts.PersonKey.user",
    "accounts.Hold.people",
    "accounts.Hold.begun_by",
    "accounts.Hold.ended_by",
    "accounts.Erasure.person",
    "accounts.Erasure.begun_by",
    # of the account itself: keys end, groups are dealt with by the verb
    "accounts.ApiKey.user",
    "accounts.Consent.user",
    "accounts.Device.user",
    "accounts.IssuedCode.user",
    "accounts.IssuedToken.user",
    # who a program is when it acts for nobody
    "accounts.Program.account",
    "accounts.Group.members",
    "accounts.Group.everybody",
    "accounts.Belonging.user",
    # gone within a day
    "chat.Export.owner",
    # moves with what it opens when accounts are merged, by the verb; work is sealed anew for whom it goes to
}
MOVES = {
    "accounts.Program.owner",
    "knowledge.Source.owner",
    "knowledge.Gap.assignee",
    "knowledge.GapQuestion.asked_by",
    "moderation.Case.reviewer",
    "moderation.Case.subject",
    "chat.Assistant.owner",
    "chat.SavedPrompt.owner",
    "chat.Share.owner",
    "chat.Share.people",
    "chat.Conversation.owner",
    "chat.Attachment.owner",
    "chat.Feedback.user",
    "chat.Reply.author",
    "chat.Tag.owner",
    "chat.Instructions.user",
}
OURS = {"accounts", "knowledge", "moderation", "chat"}


def test_every_place_that_names_a_person_is_thought_of() -> None:
    named = {
        f"{model._meta.app_label}.{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for field in model._meta.get_fields()
        if isinstance(field, ForeignKey | ManyToManyField) and field.related_model is User
    }
    assert named == STAYS | MOVES


@pytest.fixture
def leaver(crew: Group) -> User:
    """Keeps a source, an assistant, a prompt and a share, works on a case, and has a life of their own here."""
    leaver = factories.make_user("leaver", roles=[Role.OWNER, Role.MODERATOR], groups=[crew])
    source = factories.make_source(owner=leaver, name="Theirs", groups=[crew])
    factories.make_gap(source=source, assignee=leaver, asked_by=leaver)
    factories.make_assistant(slug="theirs", owner=leaver)
    factories.make_prompt(owner=leaver, group=crew)
    factories.make_prompt(owner=leaver, name="Own")
    factories.make_program(owner=leaver)
    conversation = factories.make_conversation(owner=leaver)
    factories.make_answer(conversation=conversation)
    factories.make_share(conversation=conversation, groups=[crew])
    Tag.objects.create(owner=leaver, name="Leave").conversations.add(conversation)
    factories.make_file(owner=leaver, conversation=conversation)
    claimed = {"state": Case.State.CLAIMED, "reviewer": leaver, "lease_until": timezone.now() + timedelta(minutes=9)}
    other = factories.make_conversation(owner=factories.make_user("asker"))
    factories.make_case(
        subject=other.owner, content_id=factories.make_answer(conversation=other).id, fence=1, **claimed
    )
    return leaver


def names(person: User, *, only_work: bool) -> set[str]:
    return {one.kind.name for one in had_by(person, only_work=only_work)}


def test_what_is_work_goes_to_somebody_else_and_the_rest_stays(ada: User, olivia: User, leaver: User) -> None:
    handing_over.hand_over(actor=ada, person=leaver, to=olivia)
    people.suspend_person(actor=ada, user=leaver, reason="Left.")
    assert names(leaver, only_work=True) == set()
    assert Source.objects.get(name="Theirs").owner == olivia
    assert Share.objects.live().get().owner == olivia
    assert SavedPrompt.objects.get(name="Note").owner == olivia
    assert Case.objects.get().state == Case.State.OPEN
    assert Conversation.objects.filter(owner=leaver).count() == 1
    assert {"Conversations", "Files", "Tags", "Saved prompts"} <= names(leaver, only_work=False)
    payload = recorded(action="account.hand_over").get().payload
    assert payload["to"] == str(olivia.pk)
    assert payload["moved"]["Sources"] == 1


def test_who_may_not_keep_it_is_refused_and_nothing_moves(ada: User, alice: User, sam: User, leaver: User) -> None:
    with pytest.raises(ConflictError, match="Sources"):
        handing_over.hand_over(actor=ada, person=leaver, to=alice)
    for to in (leaver, sam):
        with pytest.raises(BadInputError):
            handing_over.hand_over(actor=ada, person=leaver, to=to)
    with pytest.raises(NotAllowedError):
        handing_over.hand_over(actor=alice, person=leaver, to=alice)
    assert Source.objects.get(name="Theirs").owner == leaver
    assert Case.objects.get().state == Case.State.CLAIMED


def test_two_accounts_become_one(ada: User, leaver: User, crew: Group) -> None:
    stays = factories.make_user("stays", roles=[Role.OWNER])
    own = factories.make_conversation(owner=stays, title="Own")
    Tag.objects.create(owner=stays, name="leave").conversations.add(own)
    factories.make_key(leaver)
    factories.make_answer(conversation=Conversation.objects.get(owner=leaver), text="The gymnasium opens at six.")
    handing_over.merge_people(actor=ada, person=leaver, into=stays)
    assert names(leaver, only_work=False) == set()
    assert (leaver.is_active, leaver.merged_into) == (False, stays)
    assert not ApiKey.objects.live().filter(user=leaver).exists()
    assert Conversation.objects.visible_to(stays).count() == 2
    assert Tag.objects.get(owner=stays).conversations.count() == 2
    assert list(stays.groups_joined.all()) == [crew]
    assert sorted(stays.roles) == ["employee", "owner"]
    assert Message.objects.visible_to(stays).exists()
    assert [hit.message.text for hit in find_messages(stays, Wanted("gymnasium")).items] == [
        "The gymnasium opens at six."
    ]
    with pytest.raises(ConflictError):
        people.reinstate_person(actor=ada, user=leaver)


def test_the_last_administrator_is_not_merged_away(ada: User, alice: User) -> None:
    boss = factories.make_user("boss", roles=[Role.ADMIN])
    for person, into in ((ada, boss), (alice, ada)):  # nor somebody's conversations into one's own account
        with pytest.raises(BadInputError):
            handing_over.merge_people(actor=ada, person=person, into=into)
    User.objects.filter(pk=boss.pk).update(is_active=False)
    boss.refresh_from_db()
    with pytest.raises(NotAllowedError):
        handing_over.merge_people(actor=boss, person=ada, into=alice)
