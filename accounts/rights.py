"""What a person may do: one question, asked by every verb before it does anything.

A right has two halves. The role says what kind of work a person may do at all; the object, where it cares, says
whether this person may do it *there* (a content owner edits their own sources, not everybody's). What a person may
*see* is not decided here but in each model's ``visible_to``. An administrator keeps the house, and has no right that
opens other people's conversations: for that there is ``accounts.people.insights``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from django.db import models, transaction

from accounts import audit
from accounts.capabilities import CAPABILITIES, GRANTS, Capability
from accounts.errors import OutOfScopeError
from accounts.models import User
from app.errors import NotAllowedError, NotSignedInError

__all__ = ["CAPABILITIES", "GRANTS", "Capability", "Permitting", "can", "require"]


@runtime_checkable
class Permitting(Protocol):
    """An object with its own say in who may do what with it."""

    def permits(self, user: User, capability: Capability) -> bool: ...


def can(user: User | None, capability: Capability, obj: models.Model | None = None) -> bool:
    """Whether this person may: never when suspended, else by role, and then by the object if it has a say. A program
    that acts for them may only what its key or token was given of that.
    """
    if user is None or not user.holds(capability):
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
    """All that this person's roles let them do, those made here too, in the order of ``CAPABILITIES``."""
    return [one for one in CAPABILITIES if user.holds(one)]
