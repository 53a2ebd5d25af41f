"""Looking through a directory for whom it has no more: they are suspended, and whoever is back is reinstated.

Only those who came from it by a sign-in are its business. When suspiciously many are gone at once (a narrowed base, a
server that was restored half) nobody is suspended until somebody says so; a directory that does not answer suspends
nobody either. Names, groups and roles follow as they do at a sign-in.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.ldap.asking import DirectoryError, Entry, list_entries, words_of
from accounts.ldap.directories import LdapDirectory
from accounts.models import User
from accounts.models.directory import DirectoryPerson, DirectorySync
from accounts.people.people import reinstate_person, rename_person, suspend_person
from accounts.signing_in.single_sign_on import follow_groups, follow_roles
from app.errors import ConflictError

log = logging.getLogger(__name__)
SUSPICIOUS = 3  # fewer are never too many
GONE = "The directory has them no more."


def sync_directory(directory: LdapDirectory, *, is_confirmed: bool = False) -> DirectorySync:
    """One look. ``is_confirmed``: suspend whoever is gone, however many they are."""
    run = DirectorySync(directory_id=directory.id)
    try:
        entries = list_entries(directory)
        linked = list(SocialAccount.objects.filter(provider=directory.link).select_related("user").order_by("pk"))
        here = {entry.uid: entry for entry in entries}
        present = [here[one.uid] for one in linked if one.uid in here]
        words = words_of(directory, present)
    except DirectoryError as error:
        run.error = error.message[:300]
        return _ended(run)
    people = {one.uid: one.user for one in linked}
    run.known, run.seen = len(people), len(present)
    for entry in present:
        _follow(directory, run, people[entry.uid], entry, words[entry.uid])
    gone = [user for uid, user in people.items() if uid not in here and user.is_active]
    _suspend(directory, run, gone, active=sum(user.is_active for user in people.values()), is_confirmed=is_confirmed)
    return _ended(run)


def _follow(directory: LdapDirectory, run: DirectorySync, user: User, entry: Entry, words: frozenset[str]) -> None:
    mine = DirectoryPerson.objects.filter(user=user, suspended_by=directory.actor)
    if not user.is_active and mine.exists():
        with transaction.atomic():
            reinstate_person(actor=directory.actor, user=user)
            mine.update(suspended_by="", changed_at=timezone.now())
        run.reinstated += 1
    if not user.is_active:
        return
    before = (user.name, sorted(user.roles))
    try:
        if entry.name and entry.name != user.name:
            rename_person(actor=directory.actor, user=user, name=entry.name)
        provider = directory.as_provider
        follow_roles(actor=directory.actor, user=user, mapped=provider.roles, words=words)
        follow_groups(actor=directory.actor, user=user, mapped=provider.groups, words=words)
    except ConflictError as error:  # the last administrator's role
        log.warning("the directory %s cannot change %s: %s", directory.id, user.pk, error.message)
    run.changed += before != (user.name, sorted(user.roles))


def _suspend(
    directory: LdapDirectory, run: DirectorySync, gone: Sequence[User], *, active: int, is_confirmed: bool
) -> None:
    if len(gone) > SUSPICIOUS and 2 * len(gone) > active and not is_confirmed:
        run.withheld = len(gone)
        with transaction.atomic():
            payload = {"gone": len(gone), "of": active}
            audit.record(actor=directory.actor, action="directory.withhold", outcome="denied", payload=payload)
        return
    for user in gone:
        try:
            with transaction.atomic():
                suspend_person(actor=directory.actor, user=user, reason=GONE)
                DirectoryPerson.objects.update_or_create(
                    user=user, defaults={"suspended_by": directory.actor, "changed_at": timezone.now()}
                )
        except ConflictError as error:
            log.warning("the directory %s cannot suspend %s: %s", directory.id, user.pk, error.message)
        else:
            run.suspended += 1


def _ended(run: DirectorySync) -> DirectorySync:
    run.ended_at = timezone.now()
    run.save(force_insert=True)
    return run
