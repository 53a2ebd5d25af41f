"""`manage.py sync_ldap`: look through the directories now, and suspend whom they have no more."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.ldap.directories import directories
from accounts.ldap.syncing import sync_directory


class Command(BaseCommand):
    help = "Look through the directories of LDAP_DIRECTORIES and suspend whoever came from them and is gone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", metavar="ID", help="this directory alone")
        parser.add_argument("--confirm", action="store_true", help="suspend them even where more than half are gone")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [one for one in directories() if options["only"] in (None, one.id)]
        if not wanted:
            raise CommandError("There is no such directory in LDAP_DIRECTORIES.")
        failed = []
        for directory in wanted:
            run = sync_directory(directory, is_confirmed=options["confirm"])
            if run.error:
                failed.append(run.error)
                continue
            self.stdout.write(
                f"{directory.name}: {run.known} people came from it and {run.seen} are there; {run.changed} changed, "
                f"{run.suspended} suspended, {run.reinstated} reinstated."
            )
            if run.withheld:
                failed.append(
                    f"{directory.name}: {run.withheld} people are gone at once, more than half, so nobody was "
                    f"suspended. If that is right: manage.py sync_ldap --only {directory.id} --confirm"
                )
        if failed:
            raise CommandError("\n".join(failed))
