"""The keys that people's texts are sealed under, and how far a rotation of them is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from app.web.ids import new_id


class PersonKey(models.Model):
    """One key of one person, wrapped by a master key. It is nobody's once its person is gone, and opens all the same.

    The present key is the one that is not retired; the others only open what was sealed before. Of a destroyed key the
    row stays as a tombstone, without the key.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    wrapped = models.BinaryField(null=True)
    master_id = models.CharField(max_length=16)
    made_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(retired_at=None, destroyed_at=None), name="one_present_key_a_person"
            ),
            models.CheckConstraint(
                condition=Q(wrapped=None, destroyed_at__isnull=False) | Q(wrapped__isnull=False, destroyed_at=None),
                name="destroyed_key_is_gone",
            ),
        ]
        indexes = [models.Index(fields=["master_id"], condition=Q(destroyed_at=None), name="keys_of_a_master_key")]

    def __str__(self) -> str:
        return f"key {self.id} of {self.user_id}"


class KeyRotation(models.Model):
    """One run of ``rotate_keys``: what it does, how far it is, and how it ended."""

    class Step(models.TextChoices):
        MASTER = "master", _("Wrapping keys under the present master key")
        SECRETS = "secrets", _("Sealing credentials under the present master key")
        KEYS = "keys", _("Making new keys for people")
        ROWS = "rows", _("Sealing texts and files")
        WAITING = "waiting", _("Waiting until nobody writes with the keys before")
        DONE = "done", _("Done")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    with_master = models.BooleanField(default=False)
    with_person_keys = models.BooleanField(default=False)
    step = models.CharField(max_length=8, choices=Step.choices, default=Step.MASTER)
    place = models.CharField(max_length=80, blank=True, help_text="The table that is worked on.")
    done = models.PositiveBigIntegerField(default=0, help_text="Of this step.")
    total = models.PositiveBigIntegerField(default=0)
    sealed = models.PositiveBigIntegerField(default=0, help_text="Rows and files that were sealed, all steps together.")
    started_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now)
    keys_made_at = models.DateTimeField(null=True, help_text="Since when nobody begins to use a key before.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["finished_at"], nulls_distinct=False, name="one_rotation_under_way")
        ]

    def __str__(self) -> str:
        return f"rotation of {self.started_at:%Y-%m-%d}: {self.step}"

    @property
    def percent(self) -> int:
        return 100 if not self.total else min(100, self.done * 100 // self.total)
