"""What a person brings to every conversation: saved prompts, and instructions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.models import Belonging, Group, User
from accounts.sealed.fields import SealedModel, SealedQuerySet, SealedTextField
from app.web.ids import new_id


class SavedPromptQuerySet(SealedQuerySet["SavedPrompt"]):
    def usable_by(self, user: User) -> SavedPromptQuerySet:
        """One's own, and what is shared with a group that one is in."""
        live = self.filter(deleted_at=None)
        if not user.is_active:
            return live.none()
        member = Belonging.objects.filter(group=OuterRef("group"), user=user)
        return live.filter(Q(owner=user) | Exists(member))

    def visible_to(self, user: User) -> SavedPromptQuerySet:
        """What this person may use or change."""
        return self.usable_by(user) | self.editable_by(user)

    def editable_by(self, user: User) -> SavedPromptQuerySet:
        """One's own; for an administrator whatever is shared as well."""
        return self._kept_by(user).filter(deleted_at=None)

    def restorable_by(self, user: User) -> SavedPromptQuerySet:
        return self._kept_by(user).exclude(deleted_at=None)

    def _kept_by(self, user: User) -> SavedPromptQuerySet:
        if not user.is_active:
            return self.none()
        own = Q(owner=user)
        return self.filter(own | Q(group__isnull=False) if user.holds("chat.keep_shared_prompts") else own)


class SavedPrompt(SealedModel):
    """A text that somebody asks again and again, with places to fill in; its author's alone, or shared with a group.

    Members of the group may use it; its author changes it, and an administrator.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_prompts")
    group = models.ForeignKey(Group, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=80)
    text = SealedTextField(owner="owner_id")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, editable=False)

    objects = SavedPromptQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def permits(self, user: User, capability: str) -> bool:
        """The say of a prompt in who may change it; see ``accounts.rights``."""
        return self.owner_id == user.pk or (self.group_id is not None and user.holds("chat.keep_shared_prompts"))


class Instructions(SealedModel):
    """What a person wants models to know about them, and how they like to be answered, in every conversation."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="instructions"
    )
    about = SealedTextField(blank=True, owner="user_id")
    manner = SealedTextField(blank=True, owner="user_id")
    is_on = models.BooleanField(default=True, db_default=True)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SealedQuerySet["Instructions"].as_manager()

    class Meta:
        verbose_name_plural = "instructions"

    def __str__(self) -> str:
        return f"instructions of {self.user_id}"
