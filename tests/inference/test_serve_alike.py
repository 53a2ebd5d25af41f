"""The contract with model servers: the same cases against the scripted one, the embedded one, and a real vLLM
if named.

``VLLM_URL`` (with ``VLLM_NAME`` and ``VLLM_KEY``) adds a running vLLM to the servers.
"""

import asyncio
import os

import pytest

from app.embedded import paths
from app.inference.client import new_session, stream_completion
from app.inference.errors import RejectedError, UpstreamError
from app.inference.scripted_server import ScriptedServer
from app.inference.types import Deadlines, Target, TextChunk, Usage
from tests.inference.fixtures import question, target

SERVERS = ["scripted", "llama", *(["vllm"] if "VLLM_URL" in os.environ else [])]
PATIENT = Deadlines(first_token=60, stall=60)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Target:
    if request.param == "scripted":
        scripted: ScriptedServer = request.getfixturevalue("scripted_server")
        scripted.script(pace=0.005)
        return target(scripted.url)
    if request.param == "llama":
        address = request.getfixturevalue("model_server")
        return target(address, "smollm2-135m", api_key=paths.llama_key(), kind="llama")
    name = os.environ.get("VLLM_NAME", "smollm2-135m")
    return target(os.environ["VLLM_URL"], name, api_key=os.environ.get("VLLM_KEY"), kind="vllm")


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
    assert len(texts) > 3 and "".join(texts).strip()
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


async def test_a_wrong_key_or_model_is_an_error_and_never_an_answer(server: Target) -> None:
    if server.kind == "openai":
        server = target(server.address, "scripted:unauthorized")
    wrong = target(server.address, server.upstream_name, api_key="wrong", kind=server.kind)
    if server.kind == "vllm" and server.api_key is None:
        wrong = target(server.address, "no-such-model", kind="vllm")
    with pytest.raises(UpstreamError):
        await read(wrong)


async def test_a_question_too_long_for_the_model_is_refused_at_once(server: Target) -> None:
    if server.kind == "openai":
        server = target(server.address, "scripted:bad-request")
    with pytest.raises(RejectedError):
        await asyncio.wait_for(read(server, text="word " * 20_000, max_tokens=5), 30)
