"""``manage.py erase_user EMAIL``: erase a person, for whoever has the machine; see ``accounts.erasing``."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from accounts import audit
from accounts.erasing.deeds import begin_erasure
from accounts.erasing.holdings import held_of
from accounts.erasing.standing import accounts_of, was_erased
from accounts.erasing.working import erase
from accounts.models import Erasure, User
from accounts.retention.holding import is_held
from app.errors import ParleyError

WAIT_SECONDS = 2


class Command(BaseCommand):
    requires_system_checks = []
    help = (
        "Erase a person: their conversations, files, feedback, keys, sessions, caches. What others rely on stays, "
        "without their name. Says what goes and asks, unless --yes is given. May be run again after a crash."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("person", metavar="EMAIL", help="the person's e-mail address, or the id of the account")
        parser.add_argument("--to", metavar="EMAIL", help="who takes what others need, such as sources")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--dry-run", action="store_true", help="only say what would go and what would stay")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = _find(options["person"])
            if was_erased(person):
                self.stdout.write(f"{person} is erased already.")
                return
            self._tell(person)
            if options["dry_run"]:
                return
            if not options["yes"] and input(f"Write {person.email} to erase them for good: ").strip() != person.email:
                raise CommandError("Nothing was erased.")
            to = _find(options["to"]) if options["to"] else None
            erasure = begin_erasure(actor=audit.SYSTEM, person=person, typed=person.email, to=to)
            self._erase(erasure)
        except ParleyError as error:
            raise CommandError(error.message) from error
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error

    def _tell(self, person: User) -> None:
        self.stdout.write(f"Parley holds of {person} <{person.email}>:")
        for one in (held for account in accounts_of(person) for held in held_of(account)):
            fate = "goes" if one.holding.goes else "stays"
            why = f" ({one.holding.stays})" if one.holding.stays else ""
            self.stdout.write(f"  {one.count:>8}  {one.holding.name}: {fate}{why}")

    def _erase(self, erasure: Erasure) -> None:
        """Do it, or wait for whoever is at it already, and go on when they died."""
        while not erase(erasure.pk):
            erasure.refresh_from_db()
            if erasure.state == Erasure.State.DONE:
                break
            if any(is_held(account) for account in accounts_of(erasure.person)):
                raise CommandError("A legal hold is in the way. It goes on by itself when that has ended.")
            time.sleep(WAIT_SECONDS)
        erasure.refresh_from_db()
        self.stdout.write(f"Erased, as number {erasure.pk}: {erasure.whole} things. The audit log says so.")


def _find(named: str) -> User:
    found = User.objects.filter(email__iexact=named).first()
    if found is None:
        try:
            found = User.objects.filter(pk=UUID(named)).first()
        except ValueError:
            found = None
    if found is None:
        raise CommandError(f"There is no account for {named}.")
    return found
