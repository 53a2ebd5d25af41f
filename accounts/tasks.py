"""What limits and sessions do by themselves, from time to time."""

from __future__ import annotations

from celery import shared_task

from accounts import devices, limit_notices


@shared_task(name="accounts.tasks.warn_of_limits")
def warn_of_limits() -> int:
    return limit_notices.warn_administrators()


@shared_task(name="accounts.tasks.forget_old_counts")
def forget_old_counts() -> int:
    return limit_notices.forget_old_counts()


@shared_task(name="accounts.tasks.forget_ended_sessions")
def forget_ended_sessions() -> int:
    return devices.forget_ended()
