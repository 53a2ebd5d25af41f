"""People, the groups that rights hang on, and the keys programs use.

A person has roles (what kinds of work they may do) and groups (whose knowledge and assistants they may use). A group
may hold others: ``everybody`` are its own members and all of theirs. The audit
log's tables are made in SQL by the first migration; ``AuditEvent`` here only reads them.
"""

from __future__ import annotations

import hashlib
import secrets
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.capabilities import Capability, built_in_with, given_by
from accounts.scope import Scope
from app.web.ids import new_id


class Role(models.TextChoices):
    EMPLOYEE = "employee", _("Employee")
    OWNER = "owner", _("Content owner")
    MODERATOR = "moderator", _("Moderator")
    AUDITOR = "auditor", _("Auditor")
    ADMIN = "admin", _("Administrator")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        fields |= {"is_staff": True, "is_superuser": True, "roles": [Role.EMPLOYEE, Role.ADMIN]}
        return self.create_user(email, password, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def holding(self, capability: Capability) -> models.QuerySet[User]:
        """Everybody who is not suspended and whose roles give this."""
        given = models.Q(roles__overlap=built_in_with(capability)) | models.Q(granted__contains=[capability])
        return self.filter(given, is_active=True)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    roles = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    # What roles made here give besides the built-in ones; written by the database (migration 0007).
    granted = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True, editable=False)
    is_active = models.BooleanField("active", default=True)
    suspended_at = models.DateTimeField(null=True, editable=False)
    suspended_reason = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    session_round = models.PositiveIntegerField(default=0, db_default=0, editable=False, help_text="Another ends all.")
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, editable=False, related_name="+")
    is_staff = models.BooleanField("may use the admin site", default=False)
    language = models.CharField(max_length=12, blank=True, default="", db_default="", help_text="Empty: the browser's.")
    is_service = models.BooleanField(
        "acts for a program and cannot sign in", default=False, db_default=False, editable=False
    )
    wants_reminders = models.BooleanField("is reminded by e-mail of what waits", default=True, db_default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # The API key or registered program that this person came with in the call at hand, and what it may: no columns.
    key_id: UUID | None = None
    scope: Scope | None = None

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must still agree with: a new password or other roles end every session of this person."""
        stand = f"{self.password} {','.join(sorted(self.roles))}"
        if self.granted:
            stand += f" {','.join(sorted(self.granted))}"
        if self.session_round:
            stand += f" {self.session_round}"
        return salted_hmac("accounts.models.User.session", stand, secret=secret, algorithm="sha256").hexdigest()

    def has_role(self, role: str) -> bool:
        return self.is_active and role in self.roles

    @property
    def capabilities(self) -> frozenset[str]:
        """All that their roles give, whether or not they are suspended; of it what their key or token was given."""
        given: frozenset[str] = given_by(self.roles).union(self.granted)
        return given if self.scope is None or self.scope.capabilities is None else given & self.scope.capabilities

    def holds(self, capability: Capability) -> bool:
        """Whether a role of theirs gives this; never when suspended. Nor when they came with a key or token that was
        not given it: every ``visible_to`` and ``permits`` that asks here is narrowed with ``rights.can``.
        """
        if not self.is_active or (self.scope is not None and not self.scope.allows(capability)):
            return False
        return capability in self.granted or capability in given_by(self.roles)

    def group_ids(self) -> list[Any]:
        """Ids of the groups this person is in, directly or through a group inside."""
        return list(self.groups_reached.values_list("id", flat=True))


class GroupQuerySet(models.QuerySet["Group"]):
    def visible_to(self, user: User) -> GroupQuerySet:
        return self if user.holds("accounts.administer") else self.filter(everybody=user)


class Group(models.Model):
    """People who may read the same knowledge and use the same assistants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    # Those put into it by hand or by a directory. What a group opens, it opens to ``everybody``.
    members = models.ManyToManyField(User, related_name="groups_joined", blank=True)
    everybody = models.ManyToManyField(
        User, through="accounts.Belonging", related_name="groups_reached", editable=False, blank=True
    )
    external_id = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="What a directory calls it; it then fills it."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"], condition=~models.Q(external_id=""), name="external_group_once"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> ApiKeyQuerySet:
        now = timezone.now()
        return self.filter(revoked_at=None, user__is_active=True).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )

    def opened_by(self, digest: str) -> ApiKeyQuerySet:
        """The live key of this secret: its present one, or the one before while that still works."""
        before = models.Q(previous_digest=digest, previous_until__gt=timezone.now())
        return self.live().filter(models.Q(digest=digest) | before)

    def visible_to(self, user: User) -> ApiKeyQuerySet:
        """One's own. An administrator meets the others through ``administered_by``."""
        return self.filter(user=user)

    def administered_by(self, user: User) -> ApiKeyQuerySet:
        return self if user.holds("accounts.administer") else self.none()


class ApiKey(models.Model):
    """A program's way in, acting as its person. Only the SHA-256 of the key is kept: it has 256 random bits.

    ``capabilities`` and ``assistants`` narrow it; NULL is all that its person may. A rotated key has a second secret,
    the one before, until ``previous_until``: the key stays the same one, with its limits and its history.
    """

    PREFIX = "parley_"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.CharField(max_length=50, blank=True, default="", db_default="", editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)
    capabilities = ArrayField(models.CharField(max_length=40), null=True, blank=True)
    assistants = ArrayField(models.UUIDField(), null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True, editable=False)
    previous_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 - unique
    previous_hint = models.CharField(max_length=16, blank=True, default="", db_default="", editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    previous_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @property
    def has_previous(self) -> bool:
        """Whether the secret before its present one still works."""
        return self.previous_until is not None and self.previous_until > timezone.now()

    @classmethod
    def new_secret(cls) -> str:
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()


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


class AuditEvent(models.Model):
    """One line of the audit log; written by ``accounts.audit.record`` alone, never changed."""

    id = models.UUIDField(primary_key=True, editable=False)
    shard = models.PositiveSmallIntegerField()
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    object = models.CharField(max_length=128)
    outcome = models.CharField(max_length=16)
    request_id = models.CharField(max_length=64)
    payload = models.JSONField()
    prev = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        managed = False
        db_table = "audit_event"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.object}"


# Tables of matters of their own, here at the end because they refer to people and groups.
from accounts.audit_models import AuditCheck, AuditCheckpoint, AuditWitness  # noqa: E402
from accounts.device_models import Device  # noqa: E402
from accounts.directory_models import DirectoryGroup, DirectoryPerson, DirectorySync  # noqa: E402
from accounts.key_models import KeyRotation, PersonKey  # noqa: E402
from accounts.people_models import (  # noqa: E402
    Belonging,
    CustomRole,
    GroupReach,
    Insight,
    Invitation,
    Nesting,
)
from accounts.program_models import Consent, IssuedCode, IssuedToken, Program  # noqa: E402
from accounts.retention_models import Erasure, Hold, RetentionRule, RetentionRun  # noqa: E402

__all__ = [
    "ApiKey",
    "AuditCheck",
    "AuditCheckpoint",
    "AuditEvent",
    "AuditWitness",
    "Belonging",
    "Consent",
    "CustomRole",
    "Device",
    "DirectoryGroup",
    "DirectoryPerson",
    "DirectorySync",
    "Erasure",
    "Group",
    "GroupReach",
    "Hold",
    "Insight",
    "Invitation",
    "IssuedCode",
    "IssuedToken",
    "KeyRotation",
    "Limit",
    "LimitCount",
    "Nesting",
    "PersonKey",
    "Program",
    "Reservation",
    "RetentionRule",
    "RetentionRun",
    "Role",
    "Spending",
    "User",
]
