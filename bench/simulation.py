"""Many model servers and a router before them, played through in simulated time.

A server runs some requests at once and lets the others wait in order; it keeps the beginnings of the conversations
that it saw last, and computes anew what it does not have. Everything drawn comes from a seed, so that every router
meets the very same questions at the very same times, and a second run gives the same figures.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# A server: about what one GPU does with a small model. Only proportions matter to the comparison.
SLOTS = 16
CACHE_TOKENS = 200_000
PREFILL_TOKENS_PER_SECOND = 8_000
SECONDS_PER_TOKEN = 0.02
# A conversation: what each turn adds to its history, and after how many it begins anew.
TURN_TOKENS, LONGEST_TURNS = 300, 20
FRESH_TOKENS = 1_500  # the question with its passages: never in a cache
MEAN_ANSWER_TOKENS = 200

# Which server gets a request, by the conversation's name and how many requests each server has; None: all are full.
Router = Callable[[str, Sequence[int]], int | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One question. ``known_tokens`` is the history before it, which the right server has in its cache."""

    at: float
    conversation: int
    known_tokens: int
    answer_tokens: int


@dataclass(frozen=True)
class Crowd:
    """Who asks: ``skew`` is Zipf's exponent, the share of conversation k falls with k to the power of it."""

    conversations: int = 10_000
    requests: int = 60_000
    skew: float = 0.8
    seed: int = 1


def draw(crowd: Crowd, *, load: float, servers: int) -> list[Request]:
    """Requests in time, at a rate that keeps the share ``load`` of all places busy while every cache hits."""
    chance = random.Random(crowd.seed)
    weights = list(itertools.accumulate(1 / rank**crowd.skew for rank in range(1, crowd.conversations + 1)))
    asked = chance.choices(range(crowd.conversations), cum_weights=weights, k=crowd.requests)
    mean = FRESH_TOKENS / PREFILL_TOKENS_PER_SECOND + MEAN_ANSWER_TOKENS * SECONDS_PER_TOKEN
    rate = load * servers * SLOTS / mean
    turns = [0] * crowd.conversations
    now, requests = 0.0, []
    for conversation in asked:
        now += chance.expovariate(rate)
        length = chance.lognormvariate(math.log(MEAN_ANSWER_TOKENS) - 0.32, 0.8)  # that mean, and a long tail
        known = turns[conversation] % LONGEST_TURNS * TURN_TOKENS
        turns[conversation] += 1
        requests.append(Request(now, conversation, known, max(1, round(length))))
    return requests


@dataclass
class Server:
    """What one server has running, waiting and in its cache (tokens by conversation, the oldest first)."""

    running: int = 0
    waiting: deque[Request] = field(default_factory=deque)
    cache: OrderedDict[int, int] = field(default_factory=OrderedDict)
    cached_tokens: int = 0
    busy_seconds: float = 0.0

    def recall(self, request: Request) -> int:
        """How much of the history is here; afterwards all of it is, and the answer too."""
        here = self.cache.pop(request.conversation, 0)
        self.cached_tokens -= here
        kept = request.known_tokens + TURN_TOKENS
        self.cache[request.conversation] = kept
        self.cached_tokens += kept
        while self.cached_tokens > CACHE_TOKENS:
            self.cached_tokens -= self.cache.popitem(last=False)[1]
        return min(here, request.known_tokens)


@dataclass
class Outcome:
    """What came of it. Waits and first tokens are seconds, in the order in which the servers began."""

    known_tokens: int = 0
    hit_tokens: int = 0
    waits: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    busy_seconds: list[float] = field(default_factory=list)

    @property
    def hits_of_ideal(self) -> float:
        """Against one endless cache that every server shares."""
        return self.hit_tokens / self.known_tokens if self.known_tokens else 1.0

    @property
    def imbalance(self) -> float:
        """The busiest server's work over the mean."""
        return max(self.busy_seconds) * len(self.busy_seconds) / sum(self.busy_seconds)


class Simulation:
    def __init__(self, router: Router, servers: int) -> None:
        self._router = router
        self._servers = [Server() for _ in range(servers)]
        self._outstanding = [0] * servers
        self._line: deque[Request] = deque()  # for when every server is full
        self._ends: list[tuple[float, int, int]] = []
        self._numbers = itertools.count()
        self._outcome = Outcome()

    def run(self, requests: Sequence[Request]) -> Outcome:
        """Play all of them to their end."""
        for request in requests:
            self._end_until(request.at)
            self._line.append(request)
            self._place(request.at)
        self._end_until(math.inf)
        self._outcome.busy_seconds = [server.busy_seconds for server in self._servers]
        return self._outcome

    def _end_until(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            at, _, number = heapq.heappop(self._ends)
            server = self._servers[number]
            server.running -= 1
            self._outstanding[number] -= 1
            if server.waiting:
                self._begin(number, server.waiting.popleft(), at)
            self._place(at)

    def _place(self, now: float) -> None:
        """Send on who waits at the router, in order, as far as there is room."""
        while self._line:
            number = self._router(str(self._line[0].conversation), self._outstanding)
            if number is None:
                return
            request = self._line.popleft()
            self._outstanding[number] += 1
            server = self._servers[number]
            if server.running < SLOTS:
                self._begin(number, request, now)
            else:
                server.waiting.append(request)

    def _begin(self, number: int, request: Request, now: float) -> None:
        server, outcome = self._servers[number], self._outcome
        server.running += 1
        hit = server.recall(request)
        prefill = (request.known_tokens + FRESH_TOKENS - hit) / PREFILL_TOKENS_PER_SECOND
        seconds = prefill + request.answer_tokens * SECONDS_PER_TOKEN
        outcome.known_tokens += request.known_tokens
        outcome.hit_tokens += hit
        outcome.waits.append(now - request.at)
        outcome.firsts.append(now - request.at + prefill)
        server.busy_seconds += seconds
        heapq.heappush(self._ends, (now + seconds, next(self._numbers), number))
