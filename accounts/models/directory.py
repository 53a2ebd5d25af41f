"""What a directory of the organisation said of people and groups, beside what Parley keeps of them itself.

A row here means that a directory knows this person or group by a name of its own. ``Group.external_id`` says the same
where pages and verbs ask whether a group may be filled by hand.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models.people import Group, User

SCIM = "scim"


class DirectoryPerson(models.Model):
    """Somebody as a directory has them.

    ``user_name`` is what it calls them where that is not their address. ``suspended_by`` names the directory that had
    them suspended: it alone has them back, so that nobody whom a person suspended returns by a sync. ``removed_at``:
    the directory deleted them, and does not see them any more.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="directory_entry")
    user_name = models.CharField(max_length=254, blank=True, default="")
    external_id = models.CharField(max_length=254, blank=True, default="")
    given_name = models.CharField(max_length=120, blank=True, default="")
    family_name = models.CharField(max_length=120, blank=True, default="")
    suspended_by = models.CharField(max_length=64, blank=True, default="")
    removed_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("user_name"), condition=~Q(user_name=""), name="directory_user_name_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in the directory"


class DirectoryGroup(models.Model):
    """A group that SCIM made and keeps, with the name that the directory has for it."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="directory_entry")
    external_id = models.CharField(max_length=254, blank=True, default="")
    changed_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.group_id} in the directory"


class DirectorySync(models.Model):
    """One look through a directory of LDAP: whom it has, whom it has no more.

    ``withheld`` were not suspended, since they were suspiciously many at once.
    """

    directory_id = models.CharField(max_length=40)
    began_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    known = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    suspended = models.PositiveIntegerField(default=0)
    reinstated = models.PositiveIntegerField(default=0)
    withheld = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["directory_id", "-began_at"], name="syncs_of_a_directory")]

    def __str__(self) -> str:
        return f"{self.directory_id} at {self.began_at}"
