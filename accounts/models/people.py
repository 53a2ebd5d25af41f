"""People, and the groups that rights hang on.

A person has roles (what kinds of work they may do) and groups (whose knowledge and assistants they may use). A group
may hold others: ``everybody`` are its own members and all of theirs.
"""

from __future__ import annotations

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
