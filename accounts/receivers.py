"""What people and the audit log do when news comes from below: a migration is done, somebody signs in or out."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.signals import login_code_rejected, password_changed, password_reset
from allauth.account.signals import user_logged_in as user_signed_in
from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from allauth.socialaccount.models import SocialLogin
from celery.signals import task_postrun, task_prerun
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_migrate, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import audit, open_lines, ownership
from accounts.apps import AccountsConfig
from accounts.models import User
from accounts.people import people
from accounts.people.people import tell_access_ended
from accounts.sealed import person_keys
from accounts.signals import access_ended
from accounts.signing_in import devices, signing_out


@receiver(post_migrate)
def grant_rights(sender: Any, **kwargs: Any) -> None:
    # Sent once for each app, after the last migration; once is enough.
    if isinstance(sender, AccountsConfig) and kwargs.get("plan") is not None:
        ownership.grant_to_application()


@receiver(user_logged_in)
def record_sign_in(sender: Any, user: User, request: HttpRequest, **kwargs: Any) -> None:
    methods = [record.get("type") or record["method"] for record in get_authentication_records(request, user)]
    with transaction.atomic():
        device = devices.note_sign_in(request, user)
        audit.record(
            actor=user, action="account.sign_in", obj=user, payload={"methods": methods, "session": str(device.pk)}
        )


@receiver(user_signed_in)
def note_provider(sender: Any, request: HttpRequest, sociallogin: SocialLogin | None = None, **kwargs: Any) -> None:
    """Which session of the organisation's provider it came from, for when either of the two ends."""
    request.session.pop(signing_out.LEFT, None)
    if sociallogin is not None and (at := sociallogin.state.get(signing_out.AT_PROVIDER)):
        signing_out.note_session_there(request.session, at)


@receiver(user_logged_out)
def record_sign_out(sender: Any, user: User | None, request: HttpRequest, **kwargs: Any) -> None:
    """Here alone: whoever is signed in elsewhere too stays so."""
    if user is not None:
        device_id = devices.find_device_id(request)
        with transaction.atomic():
            audit.record(actor=user, action="account.sign_out", obj=user, payload={"session": device_id})
            if device_id is not None:
                devices.forget_session(device_id)
                devices.tell_session_ended(user, device_id)


@receiver(access_ended)
def end_open_lines(user_id: UUID, key: str = "", session: str = "", **kwargs: Any) -> None:
    """Those of this process; the others are told as sockets are (``chat.receivers``)."""
    open_lines.end_lines(user_id=user_id, key=key, session=session)


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


@receiver(login_code_rejected)
def record_wrong_code(sender: Any, user: User, **kwargs: Any) -> None:
    with transaction.atomic():
        audit.record(actor="anonymous", action="account.sign_in", obj=user, outcome="denied", payload={"by": "code"})


@receiver(authentication_failed)
def record_wrong_second_step(sender: Any, user: User, authenticator: Authenticator, **kwargs: Any) -> None:
    kind = authenticator.type
    with transaction.atomic():
        audit.record(actor=user, action="account.second_step", obj=user, outcome="denied", payload={"kind": kind})


@receiver(post_save, sender=Authenticator)
def record_new_second_step(sender: Any, instance: Authenticator, created: bool, **kwargs: Any) -> None:
    """Of the row, since allauth tells of it only once all is committed."""
    if created:
        _record_change("account.add_second_step", instance)


@receiver(post_delete, sender=Authenticator)
def record_removed_second_step(sender: Any, instance: Authenticator, **kwargs: Any) -> None:
    _record_change("account.remove_second_step", instance)


def _record_change(action: str, authenticator: Authenticator) -> None:
    """By whoever's request it is."""
    actor = getattr(context.request, "user", None)
    with transaction.atomic():
        audit.record(
            actor=actor if isinstance(actor, User) else audit.SYSTEM,
            action=action,
            obj=authenticator.user,
            payload={"kind": authenticator.type},
        )


@receiver(post_save, sender=User)
def make_key(sender: Any, instance: User, created: bool, raw: bool = False, **kwargs: Any) -> None:
    """Whoever has an account has a key, so that no question has to wait for one."""
    if created and not raw:
        person_keys.make_key_with_account(instance)


@receiver(post_save, sender=User)
def forget_other_addresses(sender: Any, instance: User, update_fields: Any = None, **kwargs: Any) -> None:
    """allauth notes addresses that proved to be somebody's. One that is theirs no more must open nothing."""
    if update_fields is None or "email" in update_fields:
        people.forget_other_addresses(instance)


@task_prerun.connect
def name_task(task_id: str = "", **kwargs: Any) -> None:
    """Events of a background task carry the task's id where others carry the request's."""
    audit.request_id.set(task_id)


@task_postrun.connect
def forget_task(**kwargs: Any) -> None:
    audit.request_id.set("")
