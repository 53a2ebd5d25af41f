"""What limits and tokens do by themselves, from time to time."""

from __future__ import annotations

from celery import shared_task

from accounts import limit_notices
from accounts.oauth import tokens


@shared_task(name="accounts.tasks.warn_of_limits")
def warn_of_limits() -> int:
    return limit_notices.warn_administrators()


@shared_task(name="accounts.tasks.forget_old_counts")
def forget_old_counts() -> int:
    return limit_notices.forget_old_counts()


@shared_task(name="accounts.tasks.forget_old_tokens")
def forget_old_tokens() -> int:
    return tokens.forget_old()
