"""How long things are kept, whose must not go, and whose went: rules, their runs, legal holds, erasures.

What there is to keep is told by the packages that have it (``accounts.retention.kinds``); here are only its names.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Group, User
from app.web.ids import new_id


class RetentionRule(models.Model):
    """That things of one kind go after so many days: those of everybody, or of a group's people.

    Who is in several groups with a rule has the longest of them, and then none of everybody's (docs/decisions/0031).
    """

    MOST_DAYS = 36_500

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=40)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, related_name="+")
    days = models.PositiveIntegerField()
    set_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "group"], nulls_distinct=False, name="one_rule_of_a_kind"),
            models.CheckConstraint(condition=Q(days__gte=1), name="rule_keeps_a_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.days} days"


class RetentionRun(models.Model):
    """One run over all rules. ``counts`` says how many of each kind went; it grows with every batch."""

    began_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"run of {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def whole(self) -> int:
        return sum(self.counts.values())


class HoldQuerySet(models.QuerySet["Hold"]):
    def live(self) -> HoldQuerySet:
        return self.filter(ended_at=None)


class Hold(models.Model):
    """A legal hold: nothing of a person, or of a group's people, goes until it is ended.

    ``people`` are all it was ever on, so that nobody gets out of it by leaving the group.
    """

    REASON_LENGTH = 500

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    person = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    group = models.ForeignKey(Group, on_delete=models.SET_NULL, null=True, related_name="+")
    people = models.ManyToManyField(User, related_name="legal_holds", editable=False)
    reason = models.CharField(max_length=REASON_LENGTH)
    begun_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    begun_at = models.DateTimeField(default=timezone.now)
    ended_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=True) | Q(group__isnull=True),
                name="hold_on_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"hold on {self.person or self.group}"


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def live(self) -> ErasureQuerySet:
        """Asked for or under way."""
        return self.filter(state__in=Erasure.LIVE)

    def under_way(self) -> ErasureQuerySet:
        return self.filter(state=Erasure.State.RUNNING)


class Erasure(models.Model):
    """That somebody is to be erased, how far that is, and that it was done. Its number is the name they have then.

    ``counts`` is by kind of thing; it says nothing about what was in them.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("asked for")
        RUNNING = "running", _("under way")
        DONE = "done", _("done")
        DECLINED = "declined", _("declined")

    LIVE = (State.ASKED, State.RUNNING)

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="erasures")
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    asked_at = models.DateTimeField(default=timezone.now)
    begun_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, related_name="+", help_text="None: a command."
    )
    begun_at = models.DateTimeField(null=True)
    touched_at = models.DateTimeField(null=True, help_text="When somebody last worked on it.")
    ended_at = models.DateTimeField(null=True)
    step = models.CharField(max_length=80, blank=True, help_text="What is being erased, in English.")
    counts = models.JSONField(default=dict)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(state__in=["asked", "running"]), name="one_erasure_of_a_person"
            )
        ]

    def __str__(self) -> str:
        return f"Erased person {self.pk}"

    @property
    def is_asked(self) -> bool:
        return self.state == self.State.ASKED

    @property
    def is_under_way(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def whole(self) -> int:
        return sum(self.counts.values())
