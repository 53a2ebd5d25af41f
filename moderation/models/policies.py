"""Policies: what may be said to whom, as data, in wordings that never change."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models import Group, User
from app.web.ids import new_id


class PolicyQuerySet(models.QuerySet["Policy"]):
    def closed_to(self, user: User) -> PolicyQuerySet:
        """Those whose cases are for other moderators."""
        return self.filter(reviewers__isnull=False).exclude(reviewers__everybody=user)


class Policy(models.Model):
    """What may be said to whom, as data; its rules live in immutable versions.

    Its cases are a queue of their own where ``reviewers`` names groups; without any every moderator decides them.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    current = models.ForeignKey("PolicyVersion", on_delete=models.PROTECT, null=True, related_name="+", editable=False)
    reviewers = models.ManyToManyField(Group, blank=True, related_name="+", help_text="None: every moderator.")

    objects = PolicyQuerySet.as_manager()

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
    on_failure = models.CharField(
        max_length=8,
        choices=[("hold", "hold"), ("block", "block")],
        default="hold",
        help_text="What happens to a text that a rule could not look at. It is never let through for that.",
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once")]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"
