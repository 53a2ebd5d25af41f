"""People, the groups that rights hang on, and the keys programs use.

A person has roles (what kinds of work they may do) and groups (whose knowledge and assistants they may use). The audit
log's tables are made in SQL by the first migration; ``AuditEvent`` here only reads them.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac

from app.web.ids import new_id


class Role(models.TextChoices):
    EMPLOYEE = "employee", "Employee"
    OWNER = "owner", "Content owner"
    MODERATOR = "moderator", "Moderator"
    AUDITOR = "auditor", "Auditor"
    ADMIN = "admin", "Administrator"


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


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by e-mail address."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list, blank=True)
    is_active = models.BooleanField("active", default=True)
    is_staff = models.BooleanField("may use the admin site", default=False)
    wants_reminders = models.BooleanField("is reminded by e-mail of what waits", default=True, db_default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

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
        return salted_hmac("accounts.models.User.session", stand, secret=secret, algorithm="sha256").hexdigest()

    def has_role(self, role: str) -> bool:
        return self.is_active and role in self.roles

    def group_ids(self) -> list[Any]:
        """Ids of the groups this person is in."""
        return list(self.groups_joined.values_list("id", flat=True))


class GroupQuerySet(models.QuerySet["Group"]):
    def visible_to(self, user: User) -> GroupQuerySet:
        return self if user.has_role(Role.ADMIN) else self.filter(members=user)


class Group(models.Model):
    """People who may read the same knowledge and use the same assistants."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120, unique=True)
    members = models.ManyToManyField(User, related_name="groups_joined", blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = GroupQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self) -> ApiKeyQuerySet:
        now = timezone.now()
        return self.filter(revoked_at=None, user__is_active=True).filter(
            models.Q(expires_at=None) | models.Q(expires_at__gt=now)
        )

    def visible_to(self, user: User) -> ApiKeyQuerySet:
        return self.filter(user=user)


class ApiKey(models.Model):
    """A program's way in, acting as its person. Only the SHA-256 of the key is kept: it has 256 random bits."""

    PREFIX = "parley_"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=16, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @classmethod
    def new_secret(cls) -> str:
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()


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
