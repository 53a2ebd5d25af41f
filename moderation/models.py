"""Policies, and the cases people decide.

A case never knows chat: it holds a reference (kind and id) to what it is about, the revision of that content, and a
copied excerpt, so that it can be read and judged alone. Its states: open → claimed → final, or superseded when the
content changed under it.
"""

from __future__ import annotations


from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Role, User
from app.web.ids import new_id


class Policy(models.Model):
    """What may be said to whom, as data; its rules live in immutable versions."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    current = models.ForeignKey(
        "PolicyVersion", on_delete=models.PROTECT, null=True, related_name="+", editable=False
    )

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One immutable wording of a policy. ``rules`` is a list of ``moderation.policies.Rule`` as JSON."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    policy = models.ForeignKey(Policy, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    rules = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class CaseQuerySet(models.QuerySet["Case"]):
    def visible_to(self, user: User) -> CaseQuerySet:
        """Moderators see every case but those about their own content, which others decide."""
        if not (user.has_role(Role.MODERATOR) or user.has_role(Role.ADMIN)):
            return self.none()
        return self.exclude(subject=user)

    def waiting(self) -> CaseQuerySet:
        return self.filter(state__in=[Case.State.OPEN, Case.State.CLAIMED])


class Case(models.Model):
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
    question = models.TextField()
    answer = models.TextField(blank=True)
    context = models.JSONField(default=list, help_text="Passages the answer rests on: title, page, quote.")
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField()
    final_at = models.DateTimeField(null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["content_kind", "content_id", "revision"],
                condition=models.Q(state__in=["open", "claimed"]),
                name="one_waiting_case_per_revision",
            ),
        ]
        indexes = [models.Index(fields=["state", "due_at", "id"], name="case_queue")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.question[:60]}"


class Decision(models.Model):
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
    reason = models.TextField(blank=True)
    text = models.TextField(blank=True, help_text="The edited answer, for action edit.")
    fence = models.PositiveIntegerField()
    decided_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "fence"], name="one_decision_per_claim")]

    def __str__(self) -> str:
        return f"{self.action} by {self.reviewer}"
