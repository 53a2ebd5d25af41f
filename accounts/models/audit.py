"""The audit log, and what keeps it honest: checkpoints, how the last checks ended, how far witnesses have been told.

The log's tables are made in SQL by the first migration, checkpoints in SQL as well; neither is ever changed, and
``AuditEvent`` only reads. The other two are notes to be shown, worth nothing as
proof: whoever may write to the database may write them.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


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


class AuditCheckpoint(models.Model):
    """One signed line about the whole log; written by ``accounts.auditing.sealing`` alone."""

    number = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    statement = models.TextField()
    signature = models.CharField(max_length=128)

    class Meta:
        managed = False
        db_table = "audit_checkpoint"

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class AuditCheck(models.Model):
    """How the last check of its kind ended; ``faults`` are sentences, none when all was right."""

    class Kind(models.TextChoices):
        SEAL = "seal", _("before the last checkpoint")
        VERIFY = "verify", _("of the whole log")

    kind = models.CharField(max_length=8, primary_key=True)
    at = models.DateTimeField()
    events = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    faults = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class AuditWitness(models.Model):
    """How far one witness has been told: every checkpoint up to ``number``, in order."""

    address = models.CharField(max_length=500, primary_key=True)
    number = models.BigIntegerField(default=0)
    told_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.address} up to {self.number}"
