"""Which cases somebody decides, and why, for the page about a person's rights."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.people.explaining import Section, Thing
from moderation.models import Policy


def queues_of(person: User) -> Section:
    """The queue of every moderator, and one for each policy that leaves its cases to some groups."""
    decides = person.holds("moderation.review")
    if decides:
        why = [_("Their role decides cases; but for those about their own answers, which others decide.")]
    elif not person.is_active:
        why = [_("Whoever is suspended decides nothing.")]
    else:
        why = [_("It would take a role that decides cases, such as Moderator.")]
    things = [Thing(_("Review queue"), decides, why)]
    closed = set(Policy.objects.closed_to(person).values_list("pk", flat=True))
    of_groups = Policy.objects.filter(reviewers__isnull=False).distinct().order_by("name")
    for policy in of_groups.prefetch_related("reviewers"):
        groups = ", ".join(sorted(group.name for group in policy.reviewers.all()))
        if policy.pk in closed:
            reasons = [*([] if decides else why), _("It is for moderators in %(groups)s.") % {"groups": groups}]
        else:
            reasons = [_("They are in %(groups)s.") % {"groups": groups}] if decides else why
        things.append(
            Thing(_("Cases of %(policy)s") % {"policy": policy.name}, decides and policy.pk not in closed, reasons)
        )
    return Section(_("Queues"), things)
