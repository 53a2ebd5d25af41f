"""Inviting somebody: an account without a password, and a letter with a link that sets one.

The link works once and for a week. Its secret is computed from the invitation and when it was sent, so the letter can
be written by a background task and nothing that opens an account lies in the database or passes the broker; sending the
letter again makes the link before it worthless.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from accounts import audit, rights
from accounts.models import Group, Invitation, Role, User
from accounts.models.organising import INVITED_FOR
from accounts.people.groups import set_groups_of
from accounts.people.letters import secret_of
from accounts.people.people import check_password, checked_address, create_person, tell_access_ended
from accounts.roles import check_may_rule
from accounts.tasks import send_invitation
from app.errors import BadInputError, ConflictError, NotFoundError


def invite_person(
    *,
    actor: User,
    email: str,
    name: str = "",
    roles: Sequence[str] = (Role.EMPLOYEE,),
    groups: Sequence[Group] = (),
) -> Invitation:
    """An account with these roles and groups, and a letter to its address. Raises as ``create_person``."""
    rights.require(actor, "accounts.administer")
    email = checked_address(email)
    with transaction.atomic():
        user = create_person(actor=actor, email=email, password=None, name=" ".join(name.split())[:120], roles=roles)
        if groups:
            set_groups_of(actor=actor, person=user, groups=groups)
        now = timezone.now()
        invitation = Invitation.objects.create(user=user, invited_by=actor, sent_at=now, expires_at=now + INVITED_FOR)
        audit.record(actor=actor, action="account.invite", obj=user)
        transaction.on_commit(partial(send_invitation.delay, str(invitation.pk)))
    return invitation


def resend_invitation(*, actor: User, invitation: Invitation) -> None:
    """Another letter with another link; the one before works no more. Raises ConflictError when it was answered."""
    rights.require(actor, "accounts.administer", invitation.user)
    check_may_rule(actor, invitation.user)
    now = timezone.now()
    with transaction.atomic():
        waiting = Invitation.objects.unanswered().filter(pk=invitation.pk)
        if not waiting.update(sent_at=now, expires_at=now + INVITED_FOR, invited_by=actor):
            raise ConflictError("This invitation was accepted or withdrawn meanwhile.")
        audit.record(actor=actor, action="account.invite_again", obj=invitation.user)
        transaction.on_commit(partial(send_invitation.delay, str(invitation.pk)))


def withdraw_invitation(*, actor: User, invitation: Invitation) -> None:
    """The link works no more, and the account is shut. Raises ConflictError when it was accepted meanwhile."""
    rights.require(actor, "accounts.administer", invitation.user)
    check_may_rule(actor, invitation.user)
    with transaction.atomic():
        if not Invitation.objects.unanswered().filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
            raise ConflictError("This invitation was accepted or withdrawn meanwhile.")
        shut = {"is_active": False, "suspended_at": timezone.now(), "suspended_reason": "The invitation was withdrawn."}
        User.objects.filter(pk=invitation.user_id).update(**shut)
        audit.record(actor=actor, action="account.withdraw_invitation", obj=invitation.user)
        tell_access_ended(invitation.user)


def find_invitation(invitation_id: str, secret: str) -> Invitation:
    """The one whose link this is, while it works. Raises NotFoundError for any other, whatever is wrong with it."""
    invitation = Invitation.objects.open().filter(pk=invitation_id, user__is_active=True).select_related("user").first()
    if invitation is None or not constant_time_compare(secret_of(invitation), secret):
        raise NotFoundError
    if invitation.user.has_usable_password():  # they came in another way; an old letter must not change it
        raise NotFoundError
    return invitation


def accept_invitation(*, invitation: Invitation, password: str, name: str) -> User:
    """Set the password that the invited person chose. Raises BadInputError for a weak one, NotFoundError when the link
    was used meanwhile.
    """
    user = invitation.user
    name = " ".join(name.split())
    if not 1 <= len(name) <= 120:
        raise BadInputError(_("Say what you are called, in at most 120 characters."))
    user.name = name
    check_password(password, user)
    user.set_password(password)
    with transaction.atomic():
        is_first = Invitation.objects.open().filter(pk=invitation.pk, sent_at=invitation.sent_at)
        if not is_first.update(accepted_at=timezone.now()):
            raise NotFoundError
        user.save(update_fields=["name", "password"])
        audit.record(actor=user, action="account.accept_invitation", obj=user)
    return user
