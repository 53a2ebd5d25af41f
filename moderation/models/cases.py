"""The cases people decide.

A case never knows chat: it holds a reference (kind and id) to what it is about, the revision of that content, and a
copied excerpt, so that it can be read and judged alone. Its states: open → claimed → final, or superseded when the
content changed under it. Whom it is about may appeal once against what was decided: it is open again, in its second
round, for somebody else.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.sealed.fields import SealedJSONField, SealedModel, SealedQuerySet, SealedTextField
from app.web.ids import new_id
from moderation.models.policies import Policy, PolicyVersion


class CaseQuerySet(SealedQuerySet["Case"]):
    def visible_to(self, user: User) -> CaseQuerySet:
        """Moderators see every case but those about their own content, which others decide, and those of policies that
        name other groups' moderators.
        """
        if not user.holds("moderation.review"):
            return self.none()
        # Without a join: what claims a case asks this again of the row it has waited for.
        closed = PolicyVersion.objects.filter(policy__in=Policy.objects.closed_to(user))
        return self.exclude(subject=user).exclude(policy_version__in=closed)

    def waiting(self) -> CaseQuerySet:
        return self.filter(state__in=[Case.State.OPEN, Case.State.CLAIMED])

    def ended(self) -> CaseQuerySet:
        return self.filter(state__in=[Case.State.FINAL, Case.State.SUPERSEDED])

    def overdue(self) -> CaseQuerySet:
        return self.waiting().filter(due_at__lt=Now())

    def held_by(self, user: User) -> CaseQuerySet:
        """Cases this person has claimed and may still decide."""
        return self.filter(state=Case.State.CLAIMED, reviewer=user, lease_until__gt=Now())

    def with_expired_claim(self) -> CaseQuerySet:
        return self.filter(state=Case.State.CLAIMED, lease_until__lte=Now())

    def free_for(self, user: User) -> CaseQuerySet:
        """Cases this person may claim: nobody works on them, they did not pass them on themselves, and it is no appeal
        against their own decision.
        """
        passed_on_before = Q(action=Decision.Action.ESCALATE, round__lt=OuterRef("round"))
        mine = Decision.objects.filter(case=OuterRef("pk"), reviewer=user).exclude(passed_on_before)
        free = Q(state=Case.State.OPEN) | Q(state=Case.State.CLAIMED, lease_until__lte=Now())
        return self.visible_to(user).filter(free, ~Exists(mine))


class Case(SealedModel):
    """One question for a person: may this content reach its reader?"""

    class State(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        FINAL = "final"
        SUPERSEDED = "superseded"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    content_kind = models.CharField(max_length=40)
    content_id = models.UUIDField()
    revision = models.PositiveIntegerField(default=1)
    subject = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=120)
    reason = models.CharField(max_length=300, help_text="Why it waits, in words its reader may see.")
    question = SealedTextField(owner="subject_id")
    answer = SealedTextField(blank=True, owner="subject_id")
    shown = models.PositiveIntegerField(
        default=0, help_text="How many characters of the answer its reader already has; the rest is what waits."
    )
    context = SealedJSONField(
        default=list, owner="subject_id", help_text="Passages the answer rests on: title, page, quote."
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True)
    round = models.PositiveSmallIntegerField(default=1, db_default=1, help_text="The second is that of an appeal.")
    appeal = SealedTextField(
        blank=True, db_default="", owner="subject_id", help_text="Why its reader asks for a second look."
    )
    appealed_at = models.DateTimeField(null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["content_kind", "content_id", "revision"],
                condition=Q(state__in=["open", "claimed"]),
                name="one_waiting_case_per_revision",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state__in=["open", "claimed"]), name="cases_waiting"),
            models.Index(
                fields=["-final_at", "-id"], condition=Q(state__in=["final", "superseded"]), name="cases_ended"
            ),
            models.Index(fields=["content_kind", "content_id"], name="cases_of_content"),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.question[:60]}"

    @property
    def is_waiting(self) -> bool:
        return self.state in (self.State.OPEN, self.State.CLAIMED)

    @property
    def is_appeal(self) -> bool:
        return self.round > 1

    @property
    def is_overdue(self) -> bool:
        return self.is_waiting and self.due_at < timezone.now()

    @property
    def is_claimed(self) -> bool:
        """Whether somebody works on it now. A claim that ran out is none, even before the clock takes it back."""
        return bool(self.state == self.State.CLAIMED and self.lease_until and self.lease_until > timezone.now())

    @property
    def answer_shown(self) -> str:
        return str(self.answer[: self.shown])

    @property
    def answer_waiting(self) -> str:
        """The part a decision is about: what was kept back."""
        return str(self.answer[self.shown :])


class Decision(SealedModel):
    """What a reviewer decided, once, and why."""

    class Action(models.TextChoices):
        APPROVE = "approve"
        EDIT = "edit"
        REJECT = "reject"
        ESCALATE = "escalate"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=12, choices=Action.choices)
    reason = SealedTextField(blank=True, owner="case.subject_id")
    text = SealedTextField(
        blank=True, owner="case.subject_id", help_text="What goes out instead of the part kept back, for action edit."
    )
    fence = models.PositiveIntegerField()
    round = models.PositiveSmallIntegerField(default=1, db_default=1)
    decided_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SealedQuerySet["Decision"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "fence"], name="one_decision_per_claim"),
            models.UniqueConstraint(
                fields=["case", "round"], condition=~Q(action="escalate"), name="one_decision_per_round"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.reviewer}"


class CaseEvent(SealedModel):
    """One step of a case; its state is the fold of its events. Ids rise in the order of the steps."""

    class Kind(models.TextChoices):
        OPENED = "opened", _("Began to wait for a person")
        CLAIMED = "claimed", _("Claimed")
        RELEASED = "released", _("Given back")
        EXPIRED = "expired", _("Claim ran out")
        APPROVED = "approved", _("Approved")
        EDITED = "edited", _("Edited and approved")
        REJECTED = "rejected", _("Rejected")
        ESCALATED = "escalated", _("Passed on")
        APPEALED = "appealed", _("Appealed by whoever asked")
        SUPERSEDED = "superseded", _("Superseded, because the answer changed")

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="None: Parley itself.",
    )
    fence = models.PositiveIntegerField()
    note = SealedTextField(blank=True, owner="case.subject_id")
    at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SealedQuerySet["CaseEvent"].as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["case", "id"], name="case_history")]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"
