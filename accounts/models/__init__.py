"""All tables of accounts, a file for each matter."""

from accounts.models.audit import AuditCheck, AuditCheckpoint, AuditEvent, AuditWitness
from accounts.models.devices import Device
from accounts.models.directory import DirectoryGroup, DirectoryPerson, DirectorySync
from accounts.models.keys import ApiKey
from accounts.models.limits import Limit, LimitCount, Reservation, Spending
from accounts.models.organising import (
    Belonging,
    CustomRole,
    GroupReach,
    Insight,
    Invitation,
    Nesting,
)
from accounts.models.people import Group, Role, User
from accounts.models.person_keys import KeyRotation, PersonKey
from accounts.models.programs import Consent, IssuedCode, IssuedToken, Program
from accounts.models.retention import Erasure, Hold, RetentionRule, RetentionRun

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
