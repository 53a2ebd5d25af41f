"""What people allow programs: remembered until they withdraw it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Consent, Program, User
from accounts.programs.oauth import tokens
from app.errors import NotFoundError


def allow(*, actor: User, program: Program, scopes: Sequence[str]) -> Consent:
    """Let the program act for oneself with these scopes, besides those it was allowed before."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.pk)
        consent = Consent.objects.live().filter(user=actor, program=program).first()
        if consent is None:
            consent = Consent(user=actor, program=program, scopes=[])
        consent.scopes, consent.given_at = list(dict.fromkeys([*consent.scopes, *scopes])), timezone.now()
        consent.save()
        audit.record(actor=actor, action="program.allow", obj=program, payload={"scopes": consent.scopes})
    return consent


def is_allowed(user: User, program: Program, scopes: Sequence[str]) -> bool:
    """Whether all of this was allowed before."""
    consent = Consent.objects.live().filter(user=user, program=program).first()
    return consent is not None and set(scopes) <= set(consent.scopes)


def withdraw_consent(*, actor: User, consent: Consent) -> None:
    """The program acts for one no longer: what it was given ends at once, with its sockets.

    Raises NotFoundError for another's consent.
    """
    if consent.user_id != actor.pk:
        raise NotFoundError
    with transaction.atomic():
        if Consent.objects.filter(pk=consent.pk, revoked_at=None).update(revoked_at=timezone.now()):
            count = tokens.revoke_tokens(program=consent.program, user=actor, consent=consent)
            audit.record(actor=actor, action="program.disallow", obj=consent.program, payload={"tokens": count})
