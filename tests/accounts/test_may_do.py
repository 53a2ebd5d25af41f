"""Rights: by role, never when suspended, and a refusal is in the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import pytest

from accounts import rights
from accounts.models import AuditEvent, User
from accounts.rights import GRANTS, Capability, can, require
from app.errors import NotAllowedError, NotSignedInError

MATRIX = {
    "chat.ask": {"alice", "dana", "olivia", "aaron", "ada"},
    "chat.edit_assistant": {"ada"},
    "chat.edit_prompt": {"alice", "dana", "olivia", "aaron", "ada"},
    "knowledge.search": {"alice", "dana", "olivia", "aaron", "ada"},
    "knowledge.create_source": {"olivia", "ada"},
    "knowledge.edit_source": {"olivia", "ada"},
    "knowledge.test_search": {"olivia", "ada"},
    "knowledge.rebuild_index": {"ada"},
    "moderation.review": {"dana"},
    "moderation.edit_policy": {"ada"},
    "audit.read": {"aaron"},
    "accounts.administer": {"ada"},
    "pool.administer": {"ada"},
    "usage.read": {"aaron", "ada"},
    "chat.keep_shared_prompts": {"ada"},
    "knowledge.keep_every_source": {"ada"},
    "insight.ask": {"ada"},
    "insight.approve": {"aaron", "ada"},
    "retention.administer": {"ada"},
    "people.provision": {"ada"},
}


@dataclass
class Thing:
    """An object with a say of its own."""

    keeper: User
    pk: int = 1

    def permits(self, user: User, capability: Capability) -> bool:
        return user == self.keeper


def test_every_capability_is_granted_to_exactly_these(
    alice: User, dana: User, olivia: User, aaron: User, ada: User, sam: User
) -> None:
    assert set(MATRIX) == set(get_args(Capability)) == set().union(*GRANTS.values())
    for capability, allowed in MATRIX.items():
        people = {"alice": alice, "dana": dana, "olivia": olivia, "aaron": aaron, "ada": ada, "sam": sam}
        assert {name for name, person in people.items() if can(person, capability)} == allowed  # type: ignore[arg-type]


def test_a_suspended_person_may_nothing(dana: User) -> None:
    dana.is_active = False
    assert not can(dana, "chat.ask")
    assert not can(dana, "moderation.review")


def test_an_object_has_its_say_but_cannot_grant(olivia: User, alice: User) -> None:
    hers: Any = Thing(olivia)
    theirs: Any = Thing(alice)
    assert can(olivia, "knowledge.edit_source", hers)
    assert not can(olivia, "knowledge.edit_source", theirs)
    assert not can(alice, "knowledge.edit_source", theirs)


def test_a_refusal_is_audited(alice: User) -> None:
    with pytest.raises(NotAllowedError):
        require(alice, "audit.read", alice)
    event = AuditEvent.objects.get(actor=str(alice.pk))
    assert (event.action, event.object, event.outcome) == ("audit.read", f"user:{alice.pk}", "denied")


def test_what_is_allowed_leaves_no_event(aaron: User) -> None:
    require(aaron, "audit.read")
    assert not AuditEvent.objects.filter(actor=str(aaron.pk)).exists()


def test_nobody_is_asked_to_sign_in() -> None:
    with pytest.raises(NotSignedInError):
        rights.require(None, "chat.ask")
