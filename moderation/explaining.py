"""Whether somebody decides cases, and why, for the page about a person's rights."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.explaining import Section, Thing
from accounts.models import User


def queues_of(person: User) -> Section:
    decides = person.holds("moderation.review")
    if decides:
        why = [_("Their role decides cases; but for those about their own answers, which others decide.")]
    elif not person.is_active:
        why = [_("Whoever is suspended decides nothing.")]
    else:
        why = [_("It would take a role that decides cases, such as Moderator.")]
    return Section(_("Queues"), [Thing(_("Review queue"), decides, why)])
