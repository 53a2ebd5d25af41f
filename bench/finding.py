"""What searching and screening add to the first token, held against what each of them takes alone.

The demo company's questions over its own documents, one at a time and each once, by somebody who may read all of them.
The model server says a whole sentence first, so that screening has no reason to keep it back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import aiohttp

from accounts.audit import SYSTEM
from accounts.models import Role
from accounts.people.people import create_person
from accounts.programs.keys import create_key
from app.demo.fill import RULES
from app.inference.models import Model
from bench.cast import FEW_TOKENS
from bench.company import Company
from bench.harness import BenchError, Goal, Row, quantile
from bench.house import House
from bench.people import Line, Person, new_lines
from bench.sets import question_sets
from bench.talking import Answer, next_event, open_line, read_to_end, send
from bench.upstream import SENTENCES
from chat.models import Assistant
from knowledge.retrieval import search
from moderation.policies.writing import create_policy
from moderation.screening.judging import screen
from moderation.screening.rules import read_rules

WARM_QUESTIONS = ("Where is the office?", "Who may travel?", "What is a budget?", "Which forms are there?")


def run(house: House) -> list[Row]:
    house.add_embedding_model()
    company = Company.found()
    company.bring_in()
    asker = Person(company.keeper, create_key(actor=company.keeper, user=company.keeper, name="bench")[1])
    questions = [asked.question for asked in question_sets()[0].asked({})]
    rules = read_rules(RULES)
    with house.web("uvicorn") as (port, _):
        timed = asyncio.run(_ask_each_way(port, asker, questions))
    screening = [_milliseconds(partial(screen, question, rules, "question")) for question in questions]
    without, searching, both = ([times[way] for times in timed] for way in range(3))
    parts = [quantile(values, 0.95) for values in (without, searching, screening)]
    goal = Goal("ratio", 1.15)
    return [
        Row("without both: first token p95", [parts[0]], "ms"),
        Row("a search alone p95", [parts[1]], "ms"),
        Row("screening a question alone p95", [parts[2]], "ms"),
        Row("with both: first token p95", [quantile(both, 0.95)], "ms", "the three together", [sum(parts)], goal),
    ]


def _assistants() -> tuple[Assistant, Assistant]:
    """One that only writes, and one that searches everything and is screened by the demo's rules."""
    admin = create_person(actor=SYSTEM, email="admin@example.org", password=None, roles=[Role.ADMIN])
    policy = create_policy(admin, slug="bench", name="Bench", rules=RULES)
    columns: dict[str, Any] = {
        "mode": "generate",
        "repeats_answers": False,  # every answer is to come from the model
        "model": Model.objects.get(name=SENTENCES),
        "is_for_everyone": True,
        "max_tokens": FEW_TOKENS,
    }
    plain = Assistant.objects.create(slug="plain", name="Plain", searches=False, **columns)
    careful = Assistant.objects.create(slug="careful", name="Careful", searches=True, policy=policy, **columns)
    return plain, careful


async def _ask_each_way(port: int, asker: Person, questions: Sequence[str]) -> list[tuple[float, float, float]]:
    """Milliseconds for each question: to the first text without both, of a search alone, to the first text with both.

    Question by question, so that what the machine does meanwhile hits all three alike.
    """
    plain, careful = await asyncio.to_thread(_assistants)
    asked = [*WARM_QUESTIONS, *questions]
    lines = [await asyncio.to_thread(new_lines, port, [asker] * len(asked), one) for one in (plain, careful)]
    timed = []
    async with aiohttp.ClientSession() as session:
        for number, question in enumerate(asked):
            without = await _first(session, lines[0][number], question)
            alone = await asyncio.to_thread(_milliseconds, partial(search, user=asker.user, query=question))
            both = await _first(session, lines[1][number], question)
            timed.append((without, alone, both))
    return timed[len(WARM_QUESTIONS) :]


async def _first(session: aiohttp.ClientSession, line: Line, question: str) -> float:
    answer = Answer()
    async with open_line(session, line) as socket:
        begun = time.monotonic()
        await send(socket, type="ask", text=question)
        while not answer.first_at and not answer.state:
            answer.note(await next_event(socket))
        if not answer.first_at:
            raise BenchError(f"{question!r} was not answered but {answer.state}.")
        await read_to_end(socket, answer)
    return (answer.first_at - begun) * 1e3


def _milliseconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return (time.perf_counter() - begun) * 1e3
