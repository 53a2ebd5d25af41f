"""What limits do by themselves, from time to time; and letters that nobody should wait for."""

from __future__ import annotations

from smtplib import SMTPException

from celery import shared_task

from accounts import limit_notices
from accounts.letters import write_letter
from accounts.models import Invitation


@shared_task(name="accounts.tasks.warn_of_limits")
def warn_of_limits() -> int:
    return limit_notices.warn_administrators()


@shared_task(name="accounts.tasks.forget_old_counts")
def forget_old_counts() -> int:
    return limit_notices.forget_old_counts()


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
