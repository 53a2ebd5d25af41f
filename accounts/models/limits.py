"""What answers used up, how much may be, and what is set aside for answers under way."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from app.web.ids import new_id


class Spending(models.Model):
    """What one person's answers with one assistant and one model used up on one day (UTC), by one key or by none.

    Only sums, so nobody's questions are in it; when somebody is erased their sums stay, as nobody's. ``assistant_id``
    and ``key_id`` are plain ids: an assistant belongs to a package above, a key may be gone. Tokens that a server did
    not count are estimates, and so is all energy.
    """

    day = models.DateField()
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    assistant_id = models.UUIDField(null=True)
    model_name = models.CharField(max_length=200, blank=True)
    key_id = models.UUIDField(null=True)
    answers = models.PositiveIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_cached = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0, help_text="On a model server.")
    cost = models.DecimalField(max_digits=18, decimal_places=6, default=Decimal(0))
    watt_hours = models.FloatField(default=0)

    class Meta:
        constraints = [
            # Not of nobody's rows: two people's may become nobody's on the same day.
            models.UniqueConstraint(
                fields=["day", "user", "assistant_id", "model_name", "key_id"],
                condition=models.Q(user__isnull=False),
                nulls_distinct=False,
                name="one_spending_row_a_day",
            )
        ]
        indexes = [models.Index(fields=["user", "day"], name="spending_of_a_person")]

    def __str__(self) -> str:
        return f"{self.day} {self.model_name} {self.cost}"


class LimitQuerySet(models.QuerySet["Limit"]):
    def live(self) -> LimitQuerySet:
        return self.filter(removed_at=None)


class Limit(models.Model):
    """How much of something may be used up in a period: a rate limit, a quota or a budget, all the same thing.

    ``subject_id`` is the person, group, key or assistant; nobody's where it is each person, or all together. Its name
    is kept beside it, so that whoever meets the limit can be told whose it is.
    """

    class Subject(models.TextChoices):
        EACH = "each", _("each person")
        PERSON = "person", _("one person")
        GROUP = "group", _("a group together")
        KEY = "key", _("an API key")
        PROGRAM = "program", _("a registered program")
        ASSISTANT = "assistant", _("an assistant")
        ALL = "all", _("everybody together")

    class Measure(models.TextChoices):
        QUESTIONS = "questions", _("questions")
        TOKENS = "tokens", _("tokens")
        MONEY = "money", _("money")

    class Period(models.TextChoices):
        MINUTE = "minute", _("a minute")
        HOUR = "hour", _("an hour")
        DAY = "day", _("a day")
        MONTH = "month", _("a month")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(max_length=10, choices=Subject.choices)
    subject_id = models.UUIDField(null=True)
    subject_name = models.CharField(max_length=200, blank=True)
    measure = models.CharField(max_length=10, choices=Measure.choices)
    amount = models.DecimalField(max_digits=18, decimal_places=6)
    period = models.CharField(max_length=8, choices=Period.choices)
    warn_percent = models.PositiveSmallIntegerField(default=80)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    removed_at = models.DateTimeField(null=True)

    objects = LimitQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "subject_id", "measure", "period"],
                condition=models.Q(removed_at=None),
                nulls_distinct=False,
                name="one_limit_of_a_kind",
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="limit_is_not_negative"),
            models.CheckConstraint(
                condition=models.Q(warn_percent__gte=1, warn_percent__lte=100), name="limit_warns_within_itself"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.measure} {self.get_period_display()} for {self.subject_name or self.subject}"


class LimitCount(models.Model):
    """How much of a limit is used up in one of its periods, and how much is set aside for answers under way.

    ``holder_id`` is the person where each has the limit for themselves, else the limit's own id.
    """

    limit = models.ForeignKey(Limit, on_delete=models.CASCADE, related_name="counts")
    holder_id = models.UUIDField()
    began_at = models.DateTimeField()
    used = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0), db_default=Decimal(0))
    reserved = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0), db_default=Decimal(0))
    refused = models.PositiveIntegerField(default=0, db_default=0)
    warned_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["limit", "holder_id", "began_at"], name="one_count_a_period")]
        indexes = [models.Index(fields=["began_at"], name="limit_counts_by_age")]

    def __str__(self) -> str:
        return f"{self.used} since {self.began_at}"


class Reservation(models.Model):
    """What one answer under way may still use up of one limit; gone when the answer is settled."""

    answer_id = models.UUIDField()
    count = models.ForeignKey(LimitCount, on_delete=models.CASCADE, related_name="reservations")
    amount = models.DecimalField(max_digits=20, decimal_places=6)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer_id", "count"], name="one_reservation_an_answer")]

    def __str__(self) -> str:
        return f"{self.amount} for {self.answer_id}"
