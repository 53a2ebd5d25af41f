"""The keys that programs use."""

from __future__ import annotations

import hashlib
import secrets

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.people import User
from app.web.ids import new_id


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
