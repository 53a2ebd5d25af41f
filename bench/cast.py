"""Who takes part in the stream benchmark: readers with keys, and assistants that let the bench's model server write."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from app.embedded import application
from app.embedded.processes import Part
from app.inference.registry import ensure_model, register_worker
from bench.people import Line, Person, add_people, new_lines
from bench.upstream import MODEL, SENTENCES
from chat.models import Assistant

TOKENS, PACE = 300, 0.02
FEW_TOKENS = 8


def upstream_part(port: int) -> Part:
    """The model server that all of them are answered by."""
    command = [sys.executable, "-m", "bench.upstream", "--port", str(port), "--pace", str(PACE)]
    return Part("upstream", command, is_ready=lambda: application.answers(port, "/health"))


def crowds() -> list[int]:
    """How many read at once: BENCH_STREAMS, ``64,256`` unless told otherwise."""
    return [int(count) for count in os.environ.get("BENCH_STREAMS", "64,256").split(",")]


def most_readers() -> int:
    return max(crowds())


@dataclass(frozen=True)
class Cast:
    """One person for each reader; one assistant with long answers and one with short ones."""

    people: list[Person]
    writer: Assistant
    brief: Assistant

    @classmethod
    def make(cls, address: str) -> Cast:
        model = ensure_model(name=MODEL, role="generate")
        for name in (MODEL, SENTENCES):
            register_worker(model_name=name, address=address, capacity=1024)
        columns: dict[str, Any] = {"mode": "generate", "model": model, "searches": False, "is_for_everyone": True}
        columns["repeats_answers"] = False  # every answer is to come from the model
        return cls(
            add_people(most_readers()),
            Assistant.objects.create(slug="writer", name="Writer", max_tokens=TOKENS, **columns),
            Assistant.objects.create(slug="brief", name="Brief", max_tokens=FEW_TOKENS, **columns),
        )

    def lines(self, port: int, count: int, assistant: Assistant) -> list[Line]:
        """New conversations, one for each of the first ``count`` people."""
        people = [self.people[number % len(self.people)] for number in range(count)]
        return new_lines(port, people, assistant)
