"""``manage.py serve_model NAME``: verify a model's weights and run vLLM on them as a worker of the pool."""

import argparse
import signal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from app.embedded.errors import EmbeddedError
from app.errors import ParleyError
from app.inference.management.signing import add_signer_options, signer_of
from app.inference.serving.service import Service, check_weights
from app.inference.serving.vllm import Plan, check_plan
from app.inference.weights.pulling import model_folder


class Command(BaseCommand):
    help = "Verify a model's files, run vLLM on them, and keep it registered as a worker until stopped."
    requires_system_checks: list[str] = []
    more: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="The model's name in the registry; assistants name it so.")
        parser.add_argument("--path", help="Folder of the weights (default: models/NAME of the data folder).")
        parser.add_argument("--program", "--vllm", default="vllm", help="The vllm program.")
        parser.add_argument("--host", default="127.0.0.1", help="Loopback or private IP address to bind to.")
        parser.add_argument("--port", type=int, default=8001)
        parser.add_argument("--key-file", type=Path, help="File with the key it answers to (default: one is made).")
        parser.add_argument("--tensor-parallel", type=int, help="GPUs that share each layer (default: the registry's).")
        parser.add_argument("--pipeline-parallel", type=int, help="Groups of GPUs that take the layers in turn.")
        parser.add_argument("--context", type=int, help="Longest question and answer, in tokens.")
        parser.add_argument("--capacity", type=int, default=64, help="Requests that Parley may have there at once.")
        parser.add_argument(
            "--queue", type=int, default=256, help="Requests vLLM holds before it says 503; 0: no limit."
        )
        parser.add_argument("--start-seconds", type=float, default=900.0, help="How long loading may take.")
        parser.add_argument(
            "--drain-seconds", type=float, default=60.0, help="How long running answers may take at the end."
        )
        add_signer_options(parser)
        parser.epilog = "What follows -- is passed on to vllm serve."

    def run_from_argv(self, argv: list[str]) -> None:
        """Cut off what is vLLM's, which argparse would not keep apart from our own options."""
        end = argv.index("--") if "--" in argv else len(argv)
        self.more = argv[end + 1 :]
        super().run_from_argv(argv[:end])

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            plan = _plan(options, self.more)
            check_plan(plan)
            self.stdout.write(f"Verifying {plan.folder} …")
            served = check_weights(plan, signer_of(options))
            service = Service(plan, served)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: service.ask_to_stop())
            service.run()
        except (ParleyError, EmbeddedError) as error:
            raise CommandError(str(error)) from error


def _plan(options: dict[str, Any], more: list[str]) -> Plan:
    return Plan(
        name=options["name"],
        folder=Path(options["path"]).resolve() if options["path"] else model_folder(options["name"]),
        port=options["port"],
        host=options["host"],
        program=options["program"],
        key_file=options["key_file"],
        tensor_parallel=options["tensor_parallel"],
        pipeline_parallel=options["pipeline_parallel"],
        context_tokens=options["context"],
        capacity=options["capacity"],
        queue=options["queue"],
        start_seconds=options["start_seconds"],
        drain_seconds=options["drain_seconds"],
        more=tuple(more),
    )
