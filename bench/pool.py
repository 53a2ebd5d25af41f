"""The model pool over two real vLLM servers: what their prefix caches give, what a killed one costs, how soon a stop
arrives.

Hits are held against one server that sees every conversation, which no choice between two can beat, and against turns.
Every run brings a cache salt of its own, so that none finds what another has left. Killing and stopping go through a
whole Parley, by its socket.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from app.inference.registry import register_worker
from app.inference.routing.pool import Pool
from app.inference.types import ChatMessage, CompletionRequest, TextChunk
from bench import losing
from bench.harness import Goal, Row, interleaved, quantile, run_parts
from bench.house import House
from bench.vllm import AT_ONCE, Figures, Fleet, Server, all_figures

CONVERSATIONS, TURNS = 20, 5
ANSWER_TOKENS = 24
TALKING_AT_ONCE = 4
CROWDS = (1, 4, AT_ONCE)
LONG_TOKENS = 64
ONE, OTHER, BOTH = "bench-one", "bench-other", "bench-both"

# Which model of the registry the next request of a run names.
Choice = Callable[[], str]


def run(house: House) -> list[Row]:
    with Fleet(house, 2) as fleet:
        _register(fleet.servers)
        return run_parts(
            {
                "hits": lambda: _hit_rows(fleet.servers),
                "speed": _speed_rows,
                "losing": lambda: losing.run(house, fleet, BOTH),
            }
        )


def _register(servers: list[Server]) -> None:
    """One name for each server alone, one for both."""
    upstream_name = servers[0].model_name()
    for name, server in ((ONE, servers[0]), (OTHER, servers[1]), (BOTH, servers[0]), (BOTH, servers[1])):
        register_worker(
            model_name=name,
            address=server.address,
            upstream_name=upstream_name,
            kind="vllm",
            capacity=AT_ONCE,
        )


# --- talking -------------------------------------------------------------------------------------------------------


@dataclass
class Talk:
    """One run of all conversations: seconds to each first token, and the counters of both servers."""

    firsts: list[float] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)


def _talk(servers: list[Server], choose: Choice) -> Talk:
    before = all_figures(servers)
    talk = asyncio.run(_talk_through(choose))
    talk.figures = all_figures(servers) - before
    return talk


async def _talk_through(choose: Choice) -> Talk:
    """Every conversation has its first turn, then every one its second, each time in another order: what a day of many
    people looks like. In the same order turns alone would send each of them back where it was.
    """
    talk, pool, salt = Talk(), Pool(), uuid4().hex
    histories = [[ChatMessage("system", _rules())] for _ in range(CONVERSATIONS)]
    places = asyncio.Semaphore(TALKING_AT_ONCE)

    async def take_turn(number: int, turn: int) -> None:
        history = histories[number]
        history.append(ChatMessage("user", _question(number, turn)))
        request = CompletionRequest(
            model=choose(),
            messages=tuple(history),
            max_tokens=ANSWER_TOKENS,
            temperature=0.0,
            affinity=f"{salt}-{number}",
            cache_salt=salt,
        )
        async with places:
            first, text = await _ask(pool, request)
        talk.firsts.append(first)
        history.append(ChatMessage("assistant", text))

    try:
        for turn in range(TURNS):
            order = random.Random(turn).sample(range(CONVERSATIONS), CONVERSATIONS)
            await asyncio.gather(*(take_turn(number, turn) for number in order))
    finally:
        await pool.close()
    return talk


async def _ask(pool: Pool, request: CompletionRequest) -> tuple[float, str]:
    """Seconds to the first token, and the text."""
    asked_at = time.monotonic()
    first, text = 0.0, ""
    async with await pool.stream(request) as stream:
        async for piece in stream:
            if isinstance(piece, TextChunk):
                first = first or time.monotonic() - asked_at
                text += piece.text
    return first, text


async def _speed(model: str, count: int) -> float:
    """Tokens a second of one server that writes ``count`` answers at once, reading of the questions included."""
    pool, salt = Pool(), uuid4().hex
    request = partial(CompletionRequest, model, max_tokens=LONG_TOKENS, temperature=0.0, cache_salt=salt)
    begun = time.monotonic()
    try:
        answers = await asyncio.gather(*(_count(pool, request((_turn(number),))) for number in range(count)))
    finally:
        await pool.close()
    return sum(answers) / (time.monotonic() - begun)


def _run_speed(count: int) -> float:
    return asyncio.run(_speed(ONE, count))


async def _count(pool: Pool, request: CompletionRequest) -> int:
    """Tokens that the server says it has written."""
    tokens = 0
    async with await pool.stream(request) as stream:
        async for piece in stream:
            if not isinstance(piece, TextChunk):
                tokens = piece.tokens_out or 0
    return tokens


def _turn(number: int) -> ChatMessage:
    return ChatMessage("user", f"{_question(number, 0)} Tell a long story about it.")


def _rules() -> str:
    return "You are an assistant for the employees of one organisation. " + _words(random.Random(0), 200)


def _question(number: int, turn: int) -> str:
    """About 150 words that no other question begins with."""
    return f"Question {turn} of person {number}: " + _words(random.Random(1000 * number + turn), 140)


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_VOCABULARY.split(), k=count))


_VOCABULARY = (
    "leave travel rent order office week month report team manager salary train hotel receipt limit rule form server "
    "laptop holiday child parent doctor letter contract visitor badge parking budget training meeting project deadline"
)


# --- rows ----------------------------------------------------------------------------------------------------------


def _hit_rows(servers: list[Server]) -> list[Row]:
    talks = interleaved(
        {
            "one server": lambda: _talk(servers, lambda: ONE),
            "Parley": lambda: _talk(servers, lambda: BOTH),
            "round robin": lambda: _talk(servers, itertools.cycle([ONE, OTHER]).__next__),
        }
    )
    rates = {name: [talk.figures.hit_rate for talk in runs] for name, runs in talks.items()}
    firsts = {name: [quantile(talk.firsts, 0.5) for talk in runs] for name, runs in talks.items()}
    one, found = rates["one server"], "prompt tokens found in a prefix cache"
    return [
        Row(f"one server: {found}", one, "of 1"),
        Row(f"Parley, two servers: {found}", rates["Parley"], "of 1", "one server", one, Goal("ratio", 0.97, True)),
        Row(f"round robin, two servers: {found}", rates["round robin"], "of 1", "one server", one),
        Row("Parley: first token p50", firsts["Parley"], "s", "round robin", firsts["round robin"]),
    ]


def _speed_rows() -> list[Row]:
    _run_speed(1)  # the first answer after a pause is slow
    rounds = interleaved({str(count): partial(_run_speed, count) for count in CROWDS})
    return [Row(f"one server, answers at once: {count}", runs, "tokens/s") for count, runs in rounds.items()]
