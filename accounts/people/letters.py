"""The letter to somebody invited, and the link in it."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.languages import language_of
from accounts.models import Invitation


def link_to(invitation: Invitation) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}/account/join/{invitation.pk}/{secret_of(invitation)}/"


def secret_of(invitation: Invitation) -> str:
    """256 bits that only this installation can compute."""
    stand = f"{invitation.pk} {invitation.sent_at.isoformat()}"
    return salted_hmac("accounts.people.inviting", stand, algorithm="sha256").hexdigest()


def write_letter(invitation: Invitation) -> EmailMessage:
    """In the language of the house: nobody knows yet which one its reader speaks."""
    with translation.override(language_of(invitation.user)):
        context = {"invitation": invitation, "link": link_to(invitation), "house": settings.APP_NAME}
        return EmailMessage(
            subject=_("Your account at %(house)s") % context,
            body=render_to_string("people/mail/invitation.txt", context),
            to=[invitation.user.email],
        )
