"""What limits, tokens, sessions, the audit log and letters do by themselves, or so that nobody has to wait."""

from __future__ import annotations

import contextlib
import logging
from smtplib import SMTPException

from celery import shared_task
from django.conf import settings
from kombu.exceptions import OperationalError

from accounts.auditing.sealing import CannotSealError, seal_log
from accounts.auditing.verifying import verify_log
from accounts.auditing.witnesses import tell_witnesses
from accounts.erasing import working
from accounts.ldap.directories import directories
from accounts.ldap.syncing import sync_directory
from accounts.limits import notices as limit_notices
from accounts.models import Invitation
from accounts.people.letters import write_letter
from accounts.programs.oauth import tokens
from accounts.retention import running
from accounts.signing_in import devices

log = logging.getLogger(__name__)


@shared_task(name="accounts.tasks.warn_of_limits")
def warn_of_limits() -> int:
    return limit_notices.warn_administrators()


@shared_task(name="accounts.tasks.forget_old_counts")
def forget_old_counts() -> int:
    return limit_notices.forget_old_counts()


@shared_task(name="accounts.tasks.seal_audit_log")
def seal_audit_log() -> int:
    """What cannot be sealed has been logged and noted; the next minute tries again. How many checkpoints were made."""
    made = 0
    if settings.AUDIT_SIGNING:
        with contextlib.suppress(CannotSealError):
            made = seal_log()
        tell_witnesses()
    return made


@shared_task(name="accounts.tasks.verify_audit_log")
def verify_audit_log() -> int:
    """In this process alone: a worker may not have children. Returns how many faults there are."""
    return len(verify_log(processes=1).faults)


@shared_task(name="accounts.tasks.forget_old_tokens")
def forget_old_tokens() -> int:
    return tokens.forget_old()


@shared_task(
    name="accounts.tasks.send_invitation",
    autoretry_for=(SMTPException, OSError),
    retry_backoff=30,
    retry_kwargs={"max_retries": 6},
)
def send_invitation(invitation_id: str) -> None:
    invitation = Invitation.objects.open().select_related("user").filter(pk=invitation_id).first()
    if invitation is not None:
        write_letter(invitation).send()


@shared_task(name="accounts.tasks.forget_ended_sessions")
def forget_ended_sessions() -> int:
    return devices.forget_ended()


@shared_task(name="accounts.tasks.erase")
def erase(erasure_id: int) -> None:
    working.erase(erasure_id)


@shared_task(name="accounts.tasks.resume_erasures")
def resume_erasures() -> int:
    """Go on with what nobody works on any more."""
    lost = working.find_lost()
    for erasure_id in lost:
        erase.delay(erasure_id)
    return len(lost)


@shared_task(name="accounts.tasks.apply_retention")
def apply_retention() -> int:
    """Remove what rules no longer keep; how much that was. A run that was broken off has left the rest to this one."""
    run = running.apply_rules()
    return run.whole if run else 0


def erase_soon(erasure_id: int) -> None:
    """Have a worker erase. Quiet when the broker is away: the sweep finds it."""
    try:
        erase.apply_async((erasure_id,), retry=False)
    except OperationalError as error:
        log.warning("Erasure %s waits: %r", erasure_id, error)


@shared_task(name="accounts.tasks.sync_directories")
def sync_directories() -> int:
    """How many people were suspended. What a directory would not answer is noted with its run."""
    return sum(sync_directory(directory).suspended for directory in directories() if directory.syncs)
