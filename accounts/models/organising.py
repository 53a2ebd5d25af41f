"""Roles made here, groups inside groups, invitations, and permissions to read somebody's conversations.

Two tables are the database's own (migration 0008): ``GroupReach`` is the closure of ``Nesting``, kept by triggers, and
``Belonging`` a view of who is in which group by it. Queries of rights join the view as they would a table of members.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Group, User
from app.web.ids import new_id

INVITED_FOR = timedelta(days=7)
MOST_HOURS = 24


class CustomRole(models.Model):
    """A role besides the built-in ones: a name for some of the capabilities. People have it by its slug."""

    slug = models.SlugField(max_length=20, primary_key=True)
    name = models.CharField(max_length=60, unique=True)
    description = models.CharField(max_length=300, blank=True)
    capabilities = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Nesting(models.Model):
    """That one group holds another: whoever is in the inner one is in the outer one, too."""

    outer = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="holdings")
    inner = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="places")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["outer", "inner"], name="nested_once"),
            models.CheckConstraint(condition=~Q(outer=F("inner")), name="no_group_in_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.inner} in {self.outer}"


class GroupReach(models.Model):
    """Every group with each that is in it at whatever depth, itself too. Written by triggers alone."""

    outer = models.ForeignKey(Group, on_delete=models.DO_NOTHING, related_name="reaches")
    inner = models.ForeignKey(Group, on_delete=models.DO_NOTHING, related_name="reached_from")

    class Meta:
        managed = False
        db_table = "accounts_group_reach"

    def __str__(self) -> str:
        return f"{self.inner_id} in {self.outer_id}"


class Belonging(models.Model):
    """That a person is in a group, directly or through a group inside. A view: once for each person and group."""

    user = models.OneToOneField(User, on_delete=models.DO_NOTHING, related_name="+", primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.DO_NOTHING, related_name="+")

    class Meta:
        managed = False
        db_table = "accounts_belonging"

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Those whose link still works."""
        return self.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

    def unanswered(self) -> InvitationQuerySet:
        """Neither accepted nor withdrawn; the link may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)


class Invitation(models.Model):
    """A letter to somebody who has an account and no password yet. Its link works once, until a day.

    The link's secret is computed from the row (``accounts.people.inviting``) and kept nowhere; sending the letter again
    makes another one.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="invitation")
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"invitation of {self.user_id}"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.withdrawn_at is None and self.expires_at > timezone.now()


class InsightQuerySet(models.QuerySet["Insight"]):
    def waiting(self) -> InsightQuerySet:
        """Asked for, and nobody has decided."""
        return self.filter(approved_at=None, ended_at=None)

    def live(self) -> InsightQuerySet:
        """Under which one may read now."""
        return self.filter(approved_at__isnull=False, ended_at=None, expires_at__gt=timezone.now())

    def of_reader(self, user: User) -> InsightQuerySet:
        """Under which this person may read now: their own, while they keep the right to ask, and not about
        themselves."""
        return self.live().filter(reader=user) if user.holds("insight.ask") else self.none()

    def about(self, person: User) -> InsightQuerySet:
        """What its person is told of: everything that was ever allowed."""
        return self.filter(person=person, approved_at__isnull=False)


class Insight(models.Model):
    """Permission for one person to read another's conversations: for a reason, for some hours, allowed by a second.

    It begins when it is allowed. The person concerned sees it from that moment on, and for ever after.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waits for a second person")
        LIVE = "live", _("open")
        EXPIRED = "expired", _("over")
        REFUSED = "refused", _("refused")
        ENDED = "ended", _("ended early")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    reason = models.CharField(max_length=500)
    hours = models.PositiveSmallIntegerField()
    asked_at = models.DateTimeField(default=timezone.now)
    approved_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    ended_at = models.DateTimeField(null=True)
    views = models.PositiveIntegerField(default=0, help_text="How many times a conversation was opened under it.")

    objects = InsightQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(hours__gte=1, hours__lte=MOST_HOURS), name="insight_within_a_day"),
            models.CheckConstraint(condition=~Q(reader=F("person")), name="insight_into_somebody_else"),
            models.UniqueConstraint(
                fields=["reader", "person"],
                condition=Q(approved_at=None, ended_at=None),
                name="one_waiting_insight",
            ),
        ]
        indexes = [models.Index(fields=["person", "expires_at"], name="insights_into_a_person")]

    def __str__(self) -> str:
        return f"insight of {self.reader_id} into {self.person_id}"

    @property
    def state(self) -> State:
        if self.ended_at is not None:
            return self.State.ENDED if self.approved_at else self.State.REFUSED
        if self.expires_at is None:
            return self.State.WAITING
        return self.State.LIVE if self.expires_at > timezone.now() else self.State.EXPIRED

    @property
    def is_live(self) -> bool:
        return self.state == self.State.LIVE

    @property
    def is_waiting(self) -> bool:
        return self.state == self.State.WAITING
