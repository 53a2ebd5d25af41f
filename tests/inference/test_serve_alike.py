"""The contract with model servers: the same cases against the scripted one, the embedded one, and a real vLLM where
there is one.

``PARLEY_VLLM`` (the program) and ``PARLEY_VLLM_WEIGHTS`` (a folder of safetensors) have a vLLM started, as serve_model
starts it, with the options of ``PARLEY_VLLM_OPTIONS``.
"""

import asyncio
import os
import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.embedded import paths
from app.embedded.processes import Part, start, stop
from app.inference.calling.client import new_session, stream_completion
from app.inference.errors import RejectedError, UpstreamError
from app.inference.scripted_server import ScriptedServer
from app.inference.serving.vllm import Plan, Served, check_plan, command_line, environment
from app.inference.types import Deadlines, Target, TextChunk, Usage
from app.inference.watching.figures import read_metrics
from tests.chat.test_killed_process import free_port
from tests.inference.fixtures import question, target

SERVERS = ["scripted", "llama", *(["vllm"] if "PARLEY_VLLM" in os.environ else [])]
PATIENT = Deadlines(first_token=60, stall=60)
KEY = "of-the-contract"


@pytest.fixture(scope="session")
def real_vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    more = tuple(shlex.split(os.environ.get("PARLEY_VLLM_OPTIONS", "")))
    weights = Path(os.environ["PARLEY_VLLM_WEIGHTS"])
    plan = Plan("m", weights, port=free_port(), program=os.environ["PARLEY_VLLM"], context_tokens=2048, more=more)
    check_plan(plan)

    def is_ready() -> bool:
        try:
            return httpx.get(f"{plan.root}/health", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    command = command_line(plan, Served(("m",)))
    part = Part("vllm", command, is_ready=is_ready, environment=environment(KEY), start_seconds=900)
    with (tmp_path_factory.mktemp("vllm") / "vllm.log").open("wb") as log:
        process = start(part, output=log)
    yield target(plan.address, "m", api_key=KEY, kind="vllm")
    stop(process, part)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Target:
    if request.param == "scripted":
        scripted: ScriptedServer = request.getfixturevalue("scripted_server")
        scripted.script(pace=0.005)
        return target(scripted.url)
    if request.param == "llama":
        address = request.getfixturevalue("model_server")
        return target(address, "smollm2-135m", api_key=paths.llama_key(), kind="llama")
    vllm: Target = request.getfixturevalue("real_vllm")
    return vllm


async def read(server: Target, **fields: object) -> tuple[list[str], Usage]:
    texts, usages = [], []
    async with new_session() as session:
        async for piece in stream_completion(session, server, question(**fields), PATIENT):  # type: ignore[arg-type]
            if isinstance(piece, TextChunk):
                assert not usages
                texts.append(piece.text)
            else:
                usages.append(piece)
    (usage,) = usages
    return texts, usage


async def test_text_comes_in_pieces_and_then_one_usage(server: Target) -> None:
    texts, usage = await read(server, text="Tell me about holidays.", max_tokens=12, temperature=0.0)
    assert len(texts) > 1 and "".join(texts).strip()
    assert usage.tokens_in and usage.tokens_in > 0
    assert usage.tokens_out and 3 < usage.tokens_out <= 12
    assert usage.finish_reason in ("stop", "length")
    assert 0 < usage.first_token_seconds <= usage.total_seconds


async def test_answers_side_by_side_do_not_mix(server: Target) -> None:
    alone, _ = await read(server, text="Count to five.", max_tokens=10, temperature=0.0)
    together = await asyncio.gather(
        *(read(server, text="Count to five.", max_tokens=10, temperature=0.0) for _ in range(4))
    )
    assert len(together) == 4
    assert all("".join(texts)[:2] == "".join(alone)[:2] for texts, _ in together)


async def test_leaving_early_frees_the_server_for_the_next(server: Target) -> None:
    async with new_session() as session:
        for _ in range(6):
            stream = stream_completion(session, server, question("Tell a long story.", max_tokens=2000), PATIENT)
            await anext(stream)
            await stream.aclose()
    texts, _ = await asyncio.wait_for(read(server, max_tokens=4), 30)
    assert texts


async def test_leaving_early_is_seen_by_the_server_within_two_seconds(server: Target) -> None:
    """Whoever hangs up frees the GPU: the server's own count of what runs goes back to nothing."""

    async def running() -> int | None:
        headers = {"Authorization": f"Bearer {server.api_key}"}
        async with httpx.AsyncClient(headers=headers) as program:
            answer = await program.get(server.address.removesuffix("/v1") + "/metrics")
        return read_metrics(answer.text, time.monotonic()).running

    async with new_session() as session:
        stream = stream_completion(session, server, question("Tell a long story.", max_tokens=1500), PATIENT)
        await anext(stream)
        await stream.aclose()
        left_at = time.monotonic()
        while await running() and time.monotonic() - left_at < 2:  # noqa: ASYNC110 - the server is asked
            await asyncio.sleep(0.05)
    assert await running() == 0


async def test_an_answer_can_be_gone_on_with(server: Target) -> None:
    begun = "The first three numbers are one, two,"
    texts, usage = await read(server, text="Count to three.", continues=begun, max_tokens=6, temperature=0.0)
    assert "".join(texts).strip() and not "".join(texts).startswith(begun)
    assert (usage.tokens_out and usage.tokens_out <= 6) or server.kind == "openai"


async def test_a_wrong_key_or_model_is_an_error_and_never_an_answer(server: Target) -> None:
    if server.kind == "openai":
        server = target(server.address, "scripted:unauthorized")
    wrong = target(server.address, server.upstream_name, api_key="wrong", kind=server.kind)
    with pytest.raises(UpstreamError):
        await read(wrong)
    if server.kind == "vllm":
        with pytest.raises(UpstreamError):
            await read(target(server.address, "no-such-model", api_key=server.api_key, kind="vllm"))


async def test_a_question_too_long_for_the_model_is_refused_at_once(server: Target) -> None:
    if server.kind == "openai":
        server = target(server.address, "scripted:bad-request")
    with pytest.raises(RejectedError):
        await asyncio.wait_for(read(server, text="word " * 20_000, max_tokens=5), 30)
