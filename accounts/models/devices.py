"""Where people are signed in: one row for each session that lives."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone

from accounts.models.people import User
from app.web.ids import new_id


class DeviceQuerySet(models.QuerySet["Device"]):
    def visible_to(self, user: User) -> DeviceQuerySet:
        return self.filter(user=user)

    def live(self) -> DeviceQuerySet:
        """Those whose session has not run out."""
        sessions = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
        return self.filter(session_key__in=sessions)


class Device(models.Model):
    """One browser that somebody is signed in with. It goes with its session.

    ``address`` and ``agent`` are what its last request came from, so that people can tell a stranger's from their own.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    session_key = models.CharField(max_length=40, unique=True)
    agent = models.CharField(max_length=300, blank=True)
    address = models.CharField(max_length=45, blank=True)
    signed_in_at = models.DateTimeField(default=timezone.now, editable=False)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = DeviceQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user_id} {self.address}"
