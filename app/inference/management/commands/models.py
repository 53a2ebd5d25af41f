"""``manage.py models``: which models there are, getting one, and checking that its files are still the same."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from app.errors import ParleyError
from app.inference.management.signing import add_signer_options, signer_of
from app.inference.models import Model, Role
from app.inference.weights import pulling
from app.inference.weights.catalogue import known_models

WIDTH = 160  # addresses are for copying, so they must not be cut


class Command(BaseCommand):
    help = "List the models of the registry, get one onto this machine, or verify its files."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="Every model with its workers.")
        listing.add_argument("--catalogue", action="store_true", help="Instead, the models that can be pulled by name.")
        pull = actions.add_parser(
            "pull",
            help="Get a model: one of the catalogue by name, a folder, or a commit of a hub. Goes on after an "
            "interruption.",
        )
        pull.add_argument("name")
        source = pull.add_mutually_exclusive_group()
        source.add_argument("--from", dest="folder", type=Path, help="Folder with the weights.")
        source.add_argument("--repo", help="Repository on the hub, as owner/name.")
        pull.add_argument("--revision", default="", help="From a hub: the commit, 40 hexadecimal digits.")
        pull.add_argument("--base", default="", help="For a LoRA adapter: the model it was made for.")
        pull.add_argument("--role", default="", choices=["", *Role.values], help="What it is for, if it does not tell.")
        pull.add_argument("--licence", default="", help="The model's licence.")
        add_signer_options(pull)
        verify = actions.add_parser("verify", help="Recompute the sha256 of every file of a model.")
        verify.add_argument("name")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            {"list": self._list, "pull": self._pull, "verify": self._verify}[options["action"]](options)
        except ParleyError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        table = _catalogue() if options["catalogue"] else _registry()
        Console(file=self.stdout, width=WIDTH).print(table)  # type: ignore[arg-type]  # it is a text stream

    def _pull(self, options: dict[str, Any]) -> None:
        name, revision = options["name"], options["revision"]
        about = pulling.About(
            role=options["role"], licence=options["licence"], base=options["base"], signer=signer_of(options)
        )
        with _Bar() as bar:
            if options["folder"]:
                model = pulling.pull_folder(name, options["folder"], about, bar.tell)
            elif options["repo"]:
                model = pulling.pull_from_hub(name, options["repo"], revision, about, bar.tell)
            else:
                model = pulling.pull_known(name, revision, about, bar.tell)
        self.stdout.write(f"{model.name}: {len(model.files)} files, registered")

    def _verify(self, options: dict[str, Any]) -> None:
        with _Bar() as bar:
            files = pulling.verify(options["name"], bar.tell)
        self.stdout.write(f"{options['name']}: {len(files)} files are as they were registered")


class _Bar:
    """A bar on standard error, shown once there is something to tell."""

    def __init__(self) -> None:
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", visible=False, total=None)

    def tell(self, deed: str, done: int, total: int) -> None:
        self._bar.update(self._task, description=deed, completed=done, total=total, visible=True)

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _registry() -> Table:
    table = Table("model", "role", "base", "licence", "context", "files", "workers", box=None)
    models = Model.objects.select_related("base").prefetch_related("workers", "adapter_workers")
    for model in models:
        servers = [*model.workers.all(), *model.adapter_workers.all()]
        workers = [f"{worker.address} ({worker.state})" for worker in servers]
        context = str(model.context_tokens or "")
        base = model.base.name if model.base else ""
        table.add_row(model.name, model.role, base, model.licence, context, str(len(model.files)), "\n".join(workers))
    return table


def _catalogue() -> Table:
    table = Table("model", "role", "from", "licence", "context", "about", box=None)
    for known in known_models().values():
        source = known.packaged or f"{known.repo} @ {known.revision[:12] or '(say --revision)'}"
        table.add_row(known.name, known.role, source, known.licence, str(known.context_tokens), known.about)
    return table
