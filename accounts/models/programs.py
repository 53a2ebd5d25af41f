"""Programs that an administrator registered (OAuth's clients), what people allowed them, and what they were given.

No secret is kept, only SHA-256 of each: all of them have at least 256 random bits. A token belongs to the person it
acts for: of the code grant whoever consented, of client credentials the program's own account, which cannot sign in.
``stand`` is what that person's sessions agree with too, so another password or other roles end tokens as they end
sessions.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from app.web.ids import new_id

if TYPE_CHECKING:
    from accounts.models import User


class ProgramQuerySet(models.QuerySet["Program"]):
    def live(self) -> ProgramQuerySet:
        """Those that may come now: neither ended nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())


class Program(models.Model):
    """A registered client. Its id is the ``client_id``.

    ``capabilities`` are the most it may be given; ``assistants`` those it may use, NULL for all. ``account`` is who
    it is when it acts for nobody (client credentials); ``owner`` the person who answers for it.
    """

    class Grant(models.TextChoices):
        CODE = "authorization_code", _("Acts for people who allow it")
        CREDENTIALS = "client_credentials", _("Acts for itself")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    secret_digest = models.CharField(max_length=64, blank=True, editable=False)
    hint = models.CharField(max_length=20, blank=True, editable=False)
    redirect_uris = ArrayField(models.CharField(max_length=500), default=list, blank=True)
    grants = ArrayField(models.CharField(max_length=24, choices=Grant.choices))
    capabilities = ArrayField(models.CharField(max_length=40))
    assistants = ArrayField(models.UUIDField(), null=True, blank=True)
    account = models.OneToOneField(
        "accounts.User", on_delete=models.PROTECT, null=True, related_name="program", editable=False
    )
    owner = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="programs_owned")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_used_from = models.CharField(max_length=50, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ProgramQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def is_confidential(self) -> bool:
        """Whether it can keep a secret; one that runs on people's own devices cannot."""
        return bool(self.secret_digest)

    @property
    def acts_for_people(self) -> bool:
        return self.Grant.CODE in self.grants

    @property
    def acts_for_itself(self) -> bool:
        return self.Grant.CREDENTIALS in self.grants


class ConsentQuerySet(models.QuerySet["Consent"]):
    def live(self) -> ConsentQuerySet:
        return self.filter(revoked_at=None)

    def visible_to(self, user: User) -> ConsentQuerySet:
        return self.filter(user=user)


class Consent(models.Model):
    """What one person allowed one program: asked once, and again only for more."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="consents")
    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="consents")
    scopes = ArrayField(models.CharField(max_length=40))
    given_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "program"], condition=models.Q(revoked_at=None), name="one_consent_to_a_program"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} to {self.program}"


class IssuedCode(models.Model):
    """An authorisation code: for one use, within a minute. Kept a while after it, so that a second use is noticed."""

    digest = models.CharField(max_length=64, unique=True)
    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, related_name="+")
    redirect_uri = models.CharField(max_length=500)
    scopes = ArrayField(models.CharField(max_length=40))
    code_challenge = models.CharField(max_length=128)
    nonce = models.CharField(max_length=255, blank=True)
    stand = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    # What the library asks of a code.
    code_challenge_method = "S256"

    def __str__(self) -> str:
        return f"for {self.program}"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int((self.user.last_login or self.created_at).timestamp())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class IssuedToken(models.Model):
    """An access token, and the refresh token that came with it. Both end for good with ``revoked_at``.

    ``refreshed_at``: the refresh token was used, and another came in its place; a second use means that somebody else
    has it too, and ends all that came from the consent.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    refresh_digest = models.CharField(max_length=64, unique=True, null=True)  # noqa: DJ001 - unique
    program = models.ForeignKey(Program, on_delete=models.CASCADE, related_name="tokens")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    consent = models.ForeignKey(Consent, on_delete=models.CASCADE, null=True, related_name="tokens")
    scopes = ArrayField(models.CharField(max_length=40))
    stand = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    refresh_expires_at = models.DateTimeField(null=True)
    refreshed_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="tokens_by_end")]

    def __str__(self) -> str:
        return f"of {self.program}"

    # What the library asks of a token.
    def check_client(self, client: object) -> bool:
        return getattr(client, "row", None) == self.program

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_expires_in(self) -> int:
        return int(self.expires_at.timestamp() - time.time())

    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    def is_revoked(self) -> bool:
        return self.revoked_at is not None
