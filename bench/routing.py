"""Which server gets a conversation: Parley's way against the usual ones, simulated.

A hundred servers, ten thousand conversations of which some are far busier than others, loads from half to almost all
of what the servers can do. Nothing is measured on this machine, so the figures are the same on every one; see
``simulation`` for what a server is taken to do. Draws ``docs/routing.svg``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from uuid import UUID

from app.embedded.paths import CLONE
from app.inference.routing.lanes import Load, choose, in_order_of_preference
from bench.drawing import Plot, draw_plots
from bench.harness import Goal, Row, quantile
from bench.simulation import SLOTS, Crowd, Outcome, Router, Simulation, draw

SERVERS = 100
CAPACITY = SLOTS  # how many requests one server may have; more would wait there, where nobody can move them
LOADS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHOWN_LOAD = 0.8
SEEDS = (1, 2, 3)
OURS = "affinity, bounded"
PLOT = CLONE / "docs" / "routing.svg"


def run(_house: object) -> list[Row]:
    curves = {load: {name: _play(make(), load, SEEDS[0]) for name, make in ROUTERS.items()} for load in LOADS}
    draw_plots(PLOT, _plots(curves), _about())
    print(f"Drawn: {PLOT}")
    shown = {name: [_play(make(), SHOWN_LOAD, seed) for seed in SEEDS] for name, make in ROUTERS.items()}
    generous = [_play(parley(capacity=2 * CAPACITY), SHOWN_LOAD, seed) for seed in SEEDS]
    return [*_rows(shown), *_figures(f"{OURS}, twice the capacity", generous, shown[OURS]), *_loss_rows()]


def _play(router: Router, load: float, seed: int) -> Outcome:
    requests = draw(Crowd(seed=seed), load=load, servers=SERVERS)
    random.seed(seed)  # ties are broken by chance
    return Simulation(router, SERVERS).run(requests)


# --- routers -------------------------------------------------------------------------------------------------------


def parley(servers: Sequence[int] = range(SERVERS), capacity: int = CAPACITY) -> Router:
    """The pool's own choice. ``servers`` are numbers that stand for lasting identities."""
    workers = [(UUID(int=number + 1), capacity, place) for place, number in enumerate(servers)]

    @cache
    def order(conversation: str) -> list[int]:
        return [place for _, _, place in in_order_of_preference(workers, conversation)]

    def route(conversation: str, outstanding: Sequence[int]) -> int | None:
        places = order(conversation)
        loads = [Load(outstanding[place], capacity, capacity - outstanding[place]) for place in places]
        chosen = choose(loads, by_affinity=True)
        return None if chosen is None else places[chosen]

    return route


def least_outstanding() -> Router:
    def route(_conversation: str, outstanding: Sequence[int]) -> int | None:
        least = min(outstanding)
        if least >= CAPACITY:
            return None
        return random.choice([number for number, count in enumerate(outstanding) if count == least])

    return route


def round_robin() -> Router:
    last = -1

    def route(_conversation: str, outstanding: Sequence[int]) -> int | None:
        nonlocal last
        for step in range(1, len(outstanding) + 1):
            number = (last + step) % len(outstanding)
            if outstanding[number] < CAPACITY:
                last = number
                return number
        return None

    return route


def power_of_two() -> Router:
    """The less busy of two drawn by chance (Mitzenmacher 2001)."""

    def route(_conversation: str, outstanding: Sequence[int]) -> int | None:
        free = [number for number, count in enumerate(outstanding) if count < CAPACITY]
        if not free:
            return None
        drawn = random.sample(free, min(2, len(free)))
        return min(drawn, key=lambda number: outstanding[number])

    return route


def affinity_alone() -> Router:
    """A conversation's own server however busy it is; another one only when that has no place at all."""

    def route(conversation: str, outstanding: Sequence[int]) -> int | None:
        number = _by_hash(conversation, len(outstanding))
        if outstanding[number] < CAPACITY:
            return number
        least = min(range(len(outstanding)), key=lambda other: outstanding[other])
        return least if outstanding[least] < CAPACITY else None

    return route


def _by_hash(conversation: str, servers: int) -> int:
    return int.from_bytes(blake2b(conversation.encode(), digest_size=8).digest(), "big") % servers


ROUTERS: dict[str, Callable[[], Router]] = {
    OURS: parley,
    "affinity alone": affinity_alone,
    "least outstanding": least_outstanding,
    "power of two": power_of_two,
    "round robin": round_robin,
}


# --- rows ----------------------------------------------------------------------------------------------------------


def _rows(outcomes: dict[str, list[Outcome]]) -> list[Row]:
    rows: list[Row] = []
    for name, mine in outcomes.items():
        rows += _figures(name, mine, [] if name == OURS else outcomes[OURS])
    return rows


def _figures(name: str, mine: Sequence[Outcome], ours: Sequence[Outcome]) -> list[Row]:
    figures: list[tuple[str, Callable[[Outcome], float], str]] = [
        ("prefix-cache hits of ideal", lambda outcome: outcome.hits_of_ideal, "of 1"),
        ("wait for a place, p95", _wait, "s"),
        ("first token, p95", _first, "s"),
        ("busiest server over the mean", lambda outcome: outcome.imbalance, "×"),
    ]
    return [
        Row(f"{name}: {what}", [*map(figure, mine)], unit, OURS if ours else "", [*map(figure, ours)])
        for what, figure, unit in figures
    ]


def _loss_rows() -> list[Row]:
    """What becomes of the conversations when one of the servers is lost."""
    conversations = [str(number) for number in range(Crowd().conversations)]
    gone = SERVERS // 2
    idle = [0] * SERVERS
    left = [number for number in range(SERVERS) if number != gone]
    before_router, after_router = parley(), parley(left)
    before = [before_router(name, idle) for name in conversations]
    after = [after_router(name, idle[1:]) for name in conversations]
    back = [None if place is None else left[place] for place in after]
    moved = [old for old, new in zip(before, back, strict=True) if old != new]
    modulo = sum(_by_hash(name, SERVERS) != _by_hash(name, SERVERS - 1) for name in conversations)
    count = len(conversations)
    return [
        Row(
            "one server lost: conversations that move",
            [len(moved) / count],
            "of 1",
            "hash modulo servers",
            [modulo / count],
            Goal("value", 1.5 / SERVERS),
        ),
        Row("of them, those that did not have to", [sum(old != gone for old in moved)], "", goal=Goal("value", 0)),
    ]


def _wait(outcome: Outcome) -> float:
    return quantile(outcome.waits, 0.95)


def _first(outcome: Outcome) -> float:
    return quantile(outcome.firsts, 0.95)


# --- plot ----------------------------------------------------------------------------------------------------------


def _plots(curves: dict[float, dict[str, Outcome]]) -> list[Plot]:
    def lines(figure: Callable[[Outcome], float]) -> dict[str, list[float]]:
        return {name: [figure(curves[load][name]) for load in LOADS] for name in ROUTERS}

    x_name = "load: share of all places that the work needs"
    hits = lines(lambda outcome: outcome.hits_of_ideal)
    return [
        Plot("Prefix-cache hits", x_name, "of one endless shared cache", LOADS, hits, top=1.0),
        Plot("First token, p95", x_name, "seconds", LOADS, lines(_first)),
    ]


def _about() -> str:
    return (
        f"{SERVERS} simulated servers, {Crowd().conversations:,} conversations, {Crowd().requests:,} questions. "
        "Prefix-cache hits and the time to the first token, by load and by the way of choosing a server; "
        "the figures at one load are in benchmarks.md."
    )
