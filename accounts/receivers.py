"""What people and the audit log do when news comes from below: a migration is done, somebody signs in or out."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset
from celery.signals import task_postrun, task_prerun
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_migrate
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit, ownership
from accounts.apps import AccountsConfig
from accounts.models import User
from accounts.people import tell_access_ended


@receiver(post_migrate)
def grant_rights(sender: Any, **kwargs: Any) -> None:
    # Sent once for each app, after the last migration; once is enough.
    if isinstance(sender, AccountsConfig) and kwargs.get("plan") is not None:
        ownership.grant_to_application()


@receiver(user_logged_in)
def record_sign_in(sender: Any, user: User, **kwargs: Any) -> None:
    with transaction.atomic():
        audit.record(actor=user, action="account.sign_in", obj=user)


@receiver(user_logged_out)
def record_sign_out(sender: Any, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        with transaction.atomic():
            audit.record(actor=user, action="account.sign_out", obj=user)
            tell_access_ended(user)


@receiver(user_login_failed)
def record_failed_sign_in(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    address = str(credentials.get("email") or credentials.get("username") or "").lower()
    with transaction.atomic():
        audit.record(
            actor="anonymous", action="account.sign_in", outcome="denied", payload={"email": audit.digest(address)}
        )


@receiver([password_changed, password_reset])
def record_new_password(sender: Any, user: User, **kwargs: Any) -> None:
    with transaction.atomic():
        audit.record(actor=user, action="account.change_password", obj=user)
        tell_access_ended(user)


@task_prerun.connect
def name_task(task_id: str = "", **kwargs: Any) -> None:
    """Events of a background task carry the task's id where others carry the request's."""
    audit.request_id.set(task_id)


@task_postrun.connect
def forget_task(**kwargs: Any) -> None:
    audit.request_id.set("")
