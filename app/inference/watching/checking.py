"""Trying a model server out before it is trusted: step by step, and each that fails says what to change.

The last step asks it for what it is wanted for, in the very way the pool will, since a server can look right and write
nothing. Nothing is kept of it, and the key is in no message.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import aiohttp

from app.errors import UnavailableError
from app.inference.calling.client import new_session as new_stream_session
from app.inference.calling.client import stream_completion
from app.inference.embedding.remote import RemoteEmbedder
from app.inference.errors import UpstreamError
from app.inference.models import Role, WorkerKind
from app.inference.types import ChatMessage, CompletionRequest, Deadlines, Kind, Target, TextChunk, Usage
from app.inference.watching.addresses import BadAddressError, tidy_address
from app.inference.watching.offered import Offered, closest, read_offered
from app.inference.watching.probing import Answer, ProbeError, get, new_session, post, root_of

Outcome = Literal["good", "unsure", "bad"]

SECONDS = 8.0  # for a question beside the answer itself
ANSWER_SECONDS = 20.0
WHOLE_SECONDS = 45.0
ELSEWHERE = ("/v1", "/api/v1", "/openai/v1", "/inference/v1")


@dataclass(frozen=True)
class Candidate:
    """A server as somebody describes it. Without ``upstream_name`` the only model it has is meant, without ``kind``
    the server is asked.
    """

    address: str
    role: str = Role.GENERATE
    upstream_name: str = ""
    kind: str = ""
    api_key: str | None = None


@dataclass(frozen=True)
class Step:
    """``unsure`` is what may be wrong and does not stand in the way."""

    title: str
    outcome: Outcome
    message: str
    advice: str = ""


@dataclass(frozen=True)
class Report:
    """``address``, ``kind`` and ``upstream_name`` are as they should be entered."""

    address: str
    kind: Kind
    upstream_name: str
    steps: tuple[Step, ...]
    offered: tuple[Offered, ...] = ()
    context_tokens: int | None = None
    first_token_seconds: float | None = None

    @property
    def is_usable(self) -> bool:
        return all(step.outcome != "bad" for step in self.steps)

    @property
    def problem(self) -> str:
        """What is wrong and what to change, in one line; "" when it is usable."""
        return f"{self.first_bad.message} {self.first_bad.advice}".strip() if self.first_bad else ""

    @property
    def first_bad(self) -> Step | None:
        return next((step for step in self.steps if step.outcome == "bad"), None)


def check_server(candidate: Candidate) -> Report:
    """Try a server out. Takes seconds, at most ``WHOLE_SECONDS``; call it outside of transactions and event loops."""
    return asyncio.run(_within_time(candidate))


async def _within_time(candidate: Candidate) -> Report:
    check = _Check(candidate)
    try:
        async with asyncio.timeout(WHOLE_SECONDS), new_session() as session:
            await check.run(session)
    except TimeoutError:
        check.say(
            "Answer", "bad", f"All of it took longer than {WHOLE_SECONDS:g} s.", "Try again when it is less busy."
        )
    return check.report()


class _Stop(Exception):
    """What has been found makes the further steps pointless."""


class _Check:
    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.address = candidate.address.strip()
        self.key = candidate.api_key or None
        self.kind: Kind = candidate.kind or WorkerKind.OPENAI  # type: ignore[assignment]  # choices of the column
        self.name = candidate.upstream_name.strip()
        self.steps: list[Step] = []
        self.offered: list[Offered] = []
        self.context_tokens: int | None = None
        self.first_token_seconds: float | None = None

    def say(self, title: str, outcome: Outcome, message: str, advice: str = "") -> None:
        self.steps.append(Step(title, outcome, message, advice))

    def fail(self, title: str, message: str, advice: str = "") -> _Stop:
        self.say(title, "bad", message, advice)
        return _Stop()

    def report(self) -> Report:
        return Report(
            address=self.address,
            kind=self.kind,
            upstream_name=self.name,
            steps=tuple(self.steps),
            offered=tuple(self.offered),
            context_tokens=self.context_tokens,
            first_token_seconds=self.first_token_seconds,
        )

    async def run(self, session: aiohttp.ClientSession) -> None:
        try:
            self._check_address()
            await self._check_models(session)
            await self._check_kind(session)
            self._check_model()
            await self._check_answer(session)
        except _Stop:
            return

    def _check_address(self) -> None:
        try:
            self.address, remark = tidy_address(self.candidate.address)
        except BadAddressError as error:
            raise self.fail("Address", error.problem, error.advice) from error
        self.say("Address", "good", remark or "It has the right form.")

    async def _get(self, session: aiohttp.ClientSession, url: str) -> Answer:
        return await get(session, url, api_key=self.key, seconds=SECONDS)

    # --- does it answer, and does it list models? ---

    async def _check_models(self, session: aiohttp.ClientSession) -> None:
        try:
            answer = await self._get(session, f"{self.address}/models")
        except ProbeError as error:
            raise self.fail("Connection", error.message, await self._advise(session, error)) from error
        if answer.status in (401, 403):
            self._refuse_key(answer.status)
        if answer.status == 400 and b"HTTPS" in answer.body:
            raise self.fail("Connection", "It wants https://.", f"Write {self._over('https')}.")
        if answer.location:
            raise self.fail(
                "Connection",
                f"It sends requests on to {answer.location[:200]}.",
                "Enter the address that it sends them to. Parley follows no redirects to model servers.",
            )
        if answer.status >= 500:
            waits = "It may still be loading its model: try again in a minute." if answer.status == 503 else ""
            raise self.fail("Connection", f"It answers with status {answer.status}.", waits or "See to its log.")
        self.say("Connection", "good", "It answers.")
        await self._list_models(session, answer)

    async def _list_models(self, session: aiohttp.ClientSession, answer: Answer) -> None:
        offered = read_offered(answer)
        if offered is not None:
            self.offered = offered
            self.say("Models", "good", f"It lists {_count(len(offered), 'model')}.")
            return
        if answer.status == 429:
            self.say("Models", "unsure", "It is too busy to list its models.")
            return
        if better := await self._look_elsewhere(session):
            raise self.fail("Models", "Its models are at another path.", f"Write {better}.")
        if answer.status in (404, 405):
            self.say("Models", "unsure", "It does not list its models.", "Enter the model's name exactly.")
            return
        raise self.fail(
            "Models",
            f"What answers there is no model server: it sends {answer.content_type or 'nothing'}, status "
            f"{answer.status}.",
            "Check the port and the path. The address is that of an OpenAI-compatible interface, ending in /v1.",
        )

    async def _look_elsewhere(self, session: aiohttp.ClientSession) -> str:
        """Where the same machine does list models, or ""."""
        origin = "/".join(self.address.split("/")[:3])
        for address in (origin + path for path in ELSEWHERE):
            if address == self.address:
                continue
            try:
                if read_offered(await self._get(session, f"{address}/models")) is not None:
                    return address
            except ProbeError:
                return ""
        return ""

    def _refuse_key(self, status: int) -> None:
        if self.key:
            raise self.fail("Key", f"It refuses the key (status {status}).", "Copy the key once more, whole.")
        raise self.fail("Key", f"It wants a key (status {status}).", "Enter the key that it was started with.")

    async def _advise(self, session: aiohttp.ClientSession, error: ProbeError) -> str:
        """What to change, after a second look where only that can tell."""
        if error.trouble in ("tls", "broken"):
            other = self._over("http" if self.address.startswith("https") else "https")
            try:
                await self._get(session, f"{other}/models")
                return f"Write {other}."
            except ProbeError as second:
                if second.trouble == "certificate":
                    return f"Write {other}. {ADVICE['certificate']}"
        return ADVICE.get(error.trouble, "")

    def _over(self, scheme: str) -> str:
        return f"{scheme}://{self.address.split('://', 1)[1]}"

    # --- what is it? ---

    async def _check_kind(self, session: aiohttp.ClientSession) -> None:
        owners = {one.owner for one in self.offered}
        known: Kind | None = "vllm" if "vllm" in owners else "llama" if "llamacpp" in owners else None
        version = await self._version(session) if known != "llama" else ""
        found = known or ("vllm" if version else None)
        if found is None:
            if self.candidate.kind in (WorkerKind.VLLM, WorkerKind.LLAMA):
                self.say("Server", "unsure", f"It does not look like {WorkerKind(self.candidate.kind).label}.")
            else:
                self.say("Server", "good", "It is an OpenAI-compatible server. What it has to do, Parley alone counts.")
            return
        name = f"{WorkerKind(found).label} {version}".strip()
        if self.candidate.kind and self.candidate.kind != found:
            self.say("Server", "unsure", f"It is {name}.", f"Choose {WorkerKind(found).label} to see its figures.")
            return
        self.kind = found
        self.say("Server", "good", f"It is {name}.")

    async def _version(self, session: aiohttp.ClientSession) -> str:
        """vLLM's version, or "" where nothing says it."""
        try:
            answer = await self._get(session, f"{root_of(self.address)}/version")
            said = answer.json() if answer.status == 200 else None
        except (ProbeError, ValueError):
            return ""
        return str(said["version"])[:40] if isinstance(said, dict) and set(said) == {"version"} else ""

    # --- has it the model, and does that answer? ---

    def _check_model(self) -> None:
        if not self.name:
            own = [one for one in self.offered if not one.parent]
            if len(own) != 1:
                raise self.fail("Model", "Say which of its models is meant.", _listing(self.offered))
            self.name = own[0].name
        meant = next((one for one in self.offered if one.name == self.name), None)
        if meant is not None:
            self.context_tokens = meant.context_tokens
            takes = f" It takes {meant.context_tokens:,} tokens." if meant.context_tokens else ""
            of = f", an adapter of {meant.parent}" if meant.parent else ""
            self.say("Model", "good", f"It has {self.name}{of}.{takes}")
        elif self.offered:
            near = closest(self.name, self.offered)
            meant_so = f"Did you mean {near}? " if near else ""
            self.say("Model", "unsure", f"{self.name} is not in its list.", meant_so + _listing(self.offered))

    async def _check_answer(self, session: aiohttp.ClientSession) -> None:
        try:
            message = await self._answer(session)
        except (UpstreamError, ProbeError, UnavailableError) as error:
            unsure = next((step for step in self.steps if step.title == "Model" and step.outcome == "unsure"), None)
            if unsure:  # then that is what is wrong
                self.steps[self.steps.index(unsure)] = replace(unsure, outcome="bad")
            detail = getattr(error, "detail", "")
            raise self.fail("Answer", error.message, f"It says: {detail[:300]}" if detail else "") from error
        self.say("Answer", "good", message)

    async def _answer(self, session: aiohttp.ClientSession) -> str:
        if self.candidate.role == Role.EMBED:
            embedder = RemoteEmbedder(self.address, self.name, self.key, tries=1)
            vectors = await asyncio.to_thread(embedder.embed, ["Does it answer?"], ANSWER_SECONDS)
            return f"It makes vectors of {vectors.shape[1]} numbers."
        if self.candidate.role == Role.RERANK:
            body = {"model": self.name, "query": "leave", "documents": ["Annual leave", "Parking"]}
            answer = await post(session, f"{self.address}/rerank", body, api_key=self.key, seconds=ANSWER_SECONDS)
            return _read_order(answer)
        return await self._first_token()

    async def _first_token(self) -> str:
        target = Target(
            id=uuid.uuid4(),
            address=self.address,
            model=self.name,
            upstream_name=self.name,
            api_key=self.key,
            capacity=1,
            kind=self.kind,
        )
        request = CompletionRequest(model=self.name, messages=[ChatMessage("user", "Say yes.")], max_tokens=1)
        deadlines = Deadlines(connect=SECONDS, first_token=ANSWER_SECONDS, stall=ANSWER_SECONDS, total=ANSWER_SECONDS)
        usage: Usage | None = None
        async with new_stream_session(deadlines) as session:
            async for piece in stream_completion(session, target, request, deadlines):
                if not isinstance(piece, TextChunk):
                    usage = piece
        self.first_token_seconds = usage.first_token_seconds if usage else None
        return f"It writes; the first token came after {self.first_token_seconds or 0:.2f} s."


ADVICE = {
    "address": "An address looks like http://10.0.0.5:8000/v1.",
    "name": "Check how the name is written, or enter the machine's IP address.",
    "refused": "Start the server, or correct the port. 127.0.0.1 is the machine, or the container, that Parley itself "
    "runs on.",
    "unreachable": "Check that this machine has a way there, and that no firewall stands between.",
    "timeout": "Check the address, and that no firewall stands between. One that is still loading may answer later.",
    "certificate": "Give the server a certificate that this machine trusts, or add its authority to those that this "
    "machine trusts (SSL_CERT_FILE).",
    "tls": "Check the port.",
    "broken": "Check the port: something else may be listening there.",
    "too_large": "Check the port: something else may be listening there.",
}


def _listing(offered: Iterable[Offered]) -> str:
    names = [f"{one.name} (adapter of {one.parent})" if one.parent else one.name for one in offered]
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"It has {', '.join(names[:12])}{more}." if names else "Enter the model's name as the server knows it."


def _read_order(answer: Answer) -> str:
    """Raises ProbeError unless both texts of the question have a score."""
    try:
        said: Any = answer.json() if answer.status == 200 else {}
        scores = {int(one["index"]): float(one["relevance_score"]) for one in said["results"]}
        if sorted(scores) == [0, 1]:
            return "It orders passages."
    except (ValueError, TypeError, LookupError):
        pass
    raise ProbeError("broken", f"It does not order passages (POST /rerank, status {answer.status}).")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
