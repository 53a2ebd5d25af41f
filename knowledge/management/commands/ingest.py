"""``manage.py ingest PATH --source NAME``: bring a folder or a file into a source, here and now."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from accounts.models import Role, User
from app.errors import ParleyError
from knowledge.syncs.importing import bring_in, look
from knowledge.syncs.tallying import Change, Seen, Tally


class Command(BaseCommand):
    requires_system_checks = []
    help = "Take a folder or a file into a source; waits until it is searchable and says what could not be taken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--source", required=True, help="its name; made when there is none")
        parser.add_argument(
            "--group", action="append", default=[], help="a group that may read it (again for more); none: everyone"
        )
        parser.add_argument("--owner", help="e-mail of who keeps it; else the first administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"].expanduser().resolve()
        console = Console(stderr=False)
        try:
            owner = _owner(options["owner"])
            visit = look(actor=owner, path=path, source_name=options["source"], groups=options["group"])
            with _bar(console) as bar:
                line = bar.add_task("Reading", total=visit.total)

                def watch(seen: Seen) -> None:
                    bar.update(line, advance=1, description=seen.key[-40:])

                tally = bring_in(actor=owner, visit=visit, watch=watch)
        except ParleyError as error:
            raise CommandError(error.message) from error
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. What was read so far is kept; run it again to go on.") from error
        _print(console, tally)
        if tally.failures and tally.seen == tally.counts[Change.FAILED]:
            raise CommandError("Nothing could be taken.")


def _owner(email: str | None) -> User:
    people = User.objects.filter(is_active=True).order_by("created_at")
    if email:
        found = people.filter(email__iexact=email).first()
    else:
        found = (
            people.filter(roles__contains=[Role.ADMIN]).first() or people.filter(roles__contains=[Role.OWNER]).first()
        )
    if found is None:
        raise CommandError(
            f"There is nobody called {email}." if email else "Nobody can keep the source: give --owner EMAIL."
        )
    return found


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _print(console: Console, tally: Tally) -> None:
    if tally.failures or tally.left_out:
        reasons = Table("Not taken", "Why")
        for failure in [*tally.failures, *tally.left_out]:
            reasons.add_row(escape(failure["key"]), escape(failure["reason"]))
        console.print(reasons)
    counts = Table("seen", "added", "changed", "unchanged", "removed", "renamed", "failed", "passages")
    changes = [tally.counts[change] for change in (Change.ADDED, Change.CHANGED, Change.UNCHANGED)]
    values = [tally.seen, *changes, tally.removed, tally.counts[Change.RENAMED], tally.counts[Change.FAILED]]
    counts.add_row(*(str(value) for value in [*values, tally.passages]))
    console.print(counts)
    if tally.withheld:
        console.print(
            f"{tally.withheld} documents are gone from the folder. Since that is more than half of the source, they "
            "were not taken out; confirm it on the page of the source."
        )
