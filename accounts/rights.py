"""What a person may do: one table of roles and one question, asked by every verb before it does anything.

A right has two halves. The role says what kind of work a person may do at all; the object, where it cares, says
whether this person may do it *there* (a content owner edits their own sources, not everybody's). What a person may
*see* is not decided here but in each model's ``visible_to``. An administrator keeps the house, and has no right that
opens other people's conversations.
"""

from __future__ import annotations

from typing import Literal, Protocol, get_args, runtime_checkable

from django.db import models, transaction

from accounts import audit
from accounts.errors import OutOfScopeError
from accounts.models import Role, User
from app.errors import NotAllowedError, NotSignedInError

Capability = Literal[
    "chat.ask",
    "chat.edit_assistant",
    "chat.edit_prompt",
    "knowledge.search",
    "knowledge.create_source",
    "knowledge.edit_source",
    "knowledge.rebuild_index",
    "knowledge.test_search",
    "moderation.review",
    "moderation.edit_policy",
    "audit.read",
    "accounts.administer",
    "pool.administer",
    "usage.read",
]

CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

GRANTS: dict[str, frozenset[Capability]] = {
    Role.EMPLOYEE: frozenset({"chat.ask", "chat.edit_prompt", "knowledge.search"}),
    Role.OWNER: frozenset({"knowledge.create_source", "knowledge.edit_source", "knowledge.test_search"}),
    Role.MODERATOR: frozenset({"moderation.review"}),
    Role.AUDITOR: frozenset({"audit.read", "usage.read"}),
    Role.ADMIN: frozenset(
        {
            "chat.edit_assistant",
            "chat.edit_prompt",
            "knowledge.create_source",
            "knowledge.edit_source",
            "knowledge.rebuild_index",
            "knowledge.test_search",
            "moderation.edit_policy",
            "accounts.administer",
            "pool.administer",
            "usage.read",
        }
    ),
}


@runtime_checkable
class Permitting(Protocol):
    """An object with its own say in who may do what with it."""

    def permits(self, user: User, capability: Capability) -> bool: ...


def can(user: User | None, capability: Capability, obj: models.Model | None = None) -> bool:
    """Whether this person may: never when suspended, else by role, and then by the object if it has a say. A program
    that acts for them may only what its key or token was given of that.
    """
    if user is None or not user.is_active or not within_scope(user, capability):
        return False
    if not any(capability in GRANTS.get(role, frozenset()) for role in user.roles):
        return False
    return obj.permits(user, capability) if isinstance(obj, Permitting) else True


def require(actor: User | None, capability: Capability, obj: models.Model | None = None) -> None:
    """Go on only if ``actor`` may; a refusal is written to the audit log.

    Call it before the verb opens its transaction, or the record of the refusal is rolled back with the deed.
    Raises NotSignedInError without an actor, else NotAllowedError.
    """
    if can(actor, capability, obj):
        return
    if actor is None or not actor.is_authenticated:
        raise NotSignedInError
    program = {} if actor.key_id is None else {"key": actor.key_id}
    with transaction.atomic():
        audit.record(actor=actor, action=capability, obj=obj, outcome="denied", payload=program)
    if actor.scope is not None and not within_scope(actor, capability):
        raise OutOfScopeError(actor.scope.what, [capability])
    raise NotAllowedError


def within_scope(user: User, capability: Capability) -> bool:
    """Whether the program that this person came with, if with one, was given this right."""
    return user.scope is None or user.scope.allows(capability)


def granted_to(user: User) -> list[Capability]:
    """All that this person's roles let them do, in the order of the list above."""
    return [one for one in CAPABILITIES if any(one in GRANTS.get(role, frozenset()) for role in user.roles)]
