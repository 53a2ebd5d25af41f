"""One answer from one model server: what arrives, and how each way of failing ends."""

import asyncio
import contextlib
import socket
import uuid

import orjson
import pytest
import uvloop

from app.inference.calling.answers import Answer
from app.inference.calling.client import new_session, stream_completion
from app.inference.calling.connections import Session
from app.inference.errors import (
    BrokenStreamError,
    BusyError,
    RejectedError,
    StalledError,
    TooLongError,
    UnreachableError,
    UpstreamError,
    WrongModelError,
)
from app.inference.scripted_server import WORDS, ScriptedServer
from app.inference.types import CompletionRequest, Deadlines, Target, TextChunk, Usage
from tests.inference.fixtures import QUICK, question, target

ANSWER = "".join(WORDS)
pytestmark = pytest.mark.filterwarnings('ignore:Overriding the "event_loop_policy"')  # its successor is for whole runs


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy], ids=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Both event loops that Parley's web servers use: they treat connections differently."""
    policy: asyncio.AbstractEventLoopPolicy = request.param()
    return policy


async def read(
    to: Target, request: CompletionRequest | None = None, session: Session | None = None
) -> tuple[str, Usage | None, UpstreamError | None]:
    """The text, the usage and the error of one answer."""
    text, usage, failure = "", None, None
    async with contextlib.AsyncExitStack() as stack:
        session = session or await stack.enter_async_context(new_session(QUICK))
        try:
            async for piece in stream_completion(session, to, request or question(), QUICK):
                if isinstance(piece, TextChunk):
                    text += piece.text
                else:
                    assert usage is None
                    usage = piece
        except UpstreamError as error:
            failure = error
    return text, usage, failure


async def test_an_answer_arrives_whole_with_its_usage(scripted_server: ScriptedServer) -> None:
    scripted_server.script(pace=0.01)
    to = target(scripted_server.url)
    text, usage, failure = await read(to)
    assert (text, failure) == (ANSWER, None)
    assert usage is not None
    assert (usage.tokens_in, usage.tokens_out, usage.finish_reason) == (3, len(WORDS), "stop")
    assert (usage.model, usage.worker_id) == ("m", to.id)
    assert 0 < usage.first_token_seconds < usage.total_seconds


async def test_what_is_sent_is_what_was_asked(scripted_server: ScriptedServer) -> None:
    request = question(max_tokens=7, temperature=0.5, cache_salt="salt", priority=3, session_id="s")
    await read(target(scripted_server.url, api_key="secret"), request)
    recorded = scripted_server.requests[0]
    assert recorded.body == {
        "model": "scripted",
        "messages": [{"role": "user", "content": "How many days?"}],
        "max_tokens": 7,
        "temperature": 0.5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert recorded.headers["Authorization"] == "Bearer secret"


async def test_vllm_is_told_salt_priority_and_session(scripted_server: ScriptedServer) -> None:
    request = question(cache_salt="salt", priority=3, session_id="s")
    await read(target(scripted_server.url, kind="vllm"), request)
    recorded = scripted_server.requests[0]
    assert (recorded.body["cache_salt"], recorded.body["priority"]) == ("salt", 3)
    assert recorded.headers["X-Session-Id"] == "s"


async def test_a_server_that_does_not_count_leaves_the_counts_open(scripted_server: ScriptedServer) -> None:
    scripted_server.script("no-usage")
    text, usage, failure = await read(target(scripted_server.url))
    assert (text, failure) == (ANSWER, None)
    assert usage is not None
    assert (usage.tokens_in, usage.tokens_cached, usage.tokens_out) == (None, None, None)


async def test_an_answer_in_single_bytes_arrives_whole(scripted_server: ScriptedServer) -> None:
    scripted_server.script("trickle")
    assert (await read(target(scripted_server.url)))[0] == ANSWER


FAILURES = {
    "die": UpstreamError,
    "cut": UpstreamError,
    "mute": StalledError,
    "hang": StalledError,
    "pretend": StalledError,
    "truncate": BrokenStreamError,
    "broken-json": BrokenStreamError,
    "odd-json": BrokenStreamError,
    "huge-line": BrokenStreamError,
    "error-event": UpstreamError,
}
REFUSALS = {
    "busy": BusyError,
    "unavailable": BusyError,
    "bad-request": RejectedError,
    "unauthorized": UpstreamError,
    "not-found": WrongModelError,
    "broken": UpstreamError,
    "redirect": UpstreamError,
    "wrong-type": UpstreamError,
}


@pytest.mark.parametrize(("what", "error"), {**FAILURES, **REFUSALS}.items())
async def test_each_failure_before_the_first_token_ends_in_its_error(
    scripted_server: ScriptedServer, what: str, error: type[UpstreamError]
) -> None:
    scripted_server.script(what)
    text, usage, failure = await asyncio.wait_for(read(target(scripted_server.url)), 5)
    assert (text, usage) == ("", None)
    assert type(failure) is error
    assert len(scripted_server.requests) == 1


@pytest.mark.parametrize(("what", "error"), FAILURES.items())
async def test_each_failure_after_some_tokens_keeps_them(
    scripted_server: ScriptedServer, what: str, error: type[UpstreamError]
) -> None:
    scripted_server.script(what, after=3)
    text, usage, failure = await asyncio.wait_for(read(target(scripted_server.url)), 5)
    assert (text, usage) == ("".join(WORDS[:3]), None)
    assert type(failure) is error


async def test_a_body_shorter_than_promised_keeps_its_text(scripted_server: ScriptedServer) -> None:
    scripted_server.script("cut-length")
    text, usage, failure = await read(target(scripted_server.url))
    assert (text, usage, type(failure)) == (ANSWER, None, UpstreamError)


async def test_a_byte_now_and_then_is_no_progress(scripted_server: ScriptedServer) -> None:
    scripted_server.script("trickle", after=2, pace=0.05)
    text, _, failure = await asyncio.wait_for(read(target(scripted_server.url)), 5)
    assert (text, type(failure)) == ("".join(WORDS[:2]), StalledError)


@pytest.mark.parametrize(("kind", "error"), [("vllm", WrongModelError), ("llama", WrongModelError), ("openai", None)])
async def test_another_model_than_asked_for_is_an_error_of_servers_of_ours(
    scripted_server: ScriptedServer, kind: str, error: type[UpstreamError] | None
) -> None:
    """Clouds answer with the names of snapshots and deployments; vLLM and llama.cpp with the name they were asked."""
    scripted_server.script("wrong-model")
    text, _, failure = await read(target(scripted_server.url, kind=kind))
    assert (text, failure and type(failure)) == ("" if error else ANSWER, error)


@pytest.mark.parametrize("count", [-1, 10**15, True, 1.5, "7"])
def test_a_count_that_cannot_be_is_none(count: object) -> None:
    answer = Answer(target("http://127.0.0.1:9/v1"))
    answer.take(b"data: " + orjson.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": count}}) + b"\n")
    assert (answer.count("prompt_tokens"), answer.count("completion_tokens")) == (3, None)


async def test_a_busy_server_says_when_to_come_back(scripted_server: ScriptedServer) -> None:
    scripted_server.script("busy", retry_after="7")
    _, _, failure = await read(target(scripted_server.url))
    assert failure is not None
    assert failure.retry_after == 7.0


CONTINUED = {
    "vllm": (["user", "assistant"], True),
    "llama": (["user", "assistant"], None),
    "openai": (["user", "assistant", "user"], None),
}


@pytest.mark.parametrize("kind", CONTINUED)
async def test_each_kind_of_server_is_asked_to_go_on_in_its_way(scripted_server: ScriptedServer, kind: str) -> None:
    await read(target(scripted_server.url, kind=kind), question(continues="The answer is"))
    body = scripted_server.requests[0].body
    roles, continues = CONTINUED[kind]
    assert [message["role"] for message in body["messages"]] == roles
    assert body["messages"][1]["content"] == "The answer is"
    assert body.get("continue_final_message") is continues


async def test_after_the_first_text_it_comes_in_frames(scripted_server: ScriptedServer) -> None:
    scripted_server.script(tokens=[f"{number} " for number in range(60)], pace=0.005)
    texts = []
    async with new_session() as session:
        async for piece in stream_completion(session, target(scripted_server.url), question()):
            texts += [piece.text] if isinstance(piece, TextChunk) else []
    assert texts[0].startswith("0 ")
    assert len(texts) < 40
    assert "".join(texts) == "".join(f"{number} " for number in range(60))


async def test_what_a_reader_does_not_take_waits_with_the_server(scripted_server: ScriptedServer) -> None:
    """Memory stays bounded: the server cannot write on once the kernel's buffers are full."""
    scripted_server.script("endless", tokens=[])
    async with new_session() as session:
        stream = stream_completion(session, target(scripted_server.url), question(), Deadlines())
        first = await anext(stream)
        assert isinstance(first, TextChunk)
        said = -1
        for _ in range(100):
            await asyncio.sleep(0.1)
            if said == (said := scripted_server.requests[0].tokens_said):
                break
        else:
            pytest.fail("the server never had to wait")
        assert isinstance(second := await anext(stream), TextChunk)
        assert len(second.text) < 500_000
        await stream.aclose()


async def test_a_header_that_could_carry_another_is_not_sent(scripted_server: ScriptedServer) -> None:
    _, _, failure = await read(target(scripted_server.url, api_key="key\r\nX-Evil: 1"))
    assert type(failure) is UnreachableError
    assert not scripted_server.requests


async def test_closing_the_session_ends_streams_under_way(scripted_server: ScriptedServer) -> None:
    scripted_server.script("endless", pace=0.01)
    session = new_session()
    reading = asyncio.ensure_future(read(target(scripted_server.url), session=session))
    await asyncio.sleep(0.2)
    await session.close()
    text, _, failure = await asyncio.wait_for(reading, 5)
    assert text.startswith("on ")
    assert type(failure) is UpstreamError


async def test_the_model_name_chooses_the_failure(scripted_server: ScriptedServer) -> None:
    text, _, failure = await read(target(scripted_server.url, "scripted:die-after-2"))
    assert (text, type(failure)) == ("".join(WORDS[:2]), UpstreamError)


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        _, _, failure = await read(target(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))
    assert type(failure) is UnreachableError


async def test_a_listener_that_never_accepts_is_left_after_the_deadline() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        _, _, failure = await read(target(f"http://127.0.0.1:{mute.getsockname()[1]}/v1"))
    assert type(failure) is StalledError


async def test_an_endless_answer_ends_at_the_total_deadline(scripted_server: ScriptedServer) -> None:
    scripted_server.script("endless", pace=0.05)
    text, _, failure = await read(target(scripted_server.url))
    assert text.startswith("on on on")
    assert type(failure) is TooLongError
    assert scripted_server.wait_for(lambda: scripted_server.requests[0].was_cut_by_client)


async def test_an_endless_answer_ends_at_the_greatest_length(scripted_server: ScriptedServer) -> None:
    scripted_server.script(tokens=["x" * 500_000] * 20)
    text, _, failure = await read(target(scripted_server.url))
    assert type(failure) is TooLongError
    assert len(text) < 5_500_000


async def test_a_slow_reader_is_not_taken_for_a_stalled_server(scripted_server: ScriptedServer) -> None:
    scripted_server.script(pace=0.01)
    text = ""
    async with new_session() as session:
        async for piece in stream_completion(session, target(scripted_server.url), question(), QUICK):
            if isinstance(piece, TextChunk):
                text += piece.text
                await asyncio.sleep(QUICK.stall * 1.2)
    assert text == ANSWER


@pytest.mark.parametrize("how", ["closing", "cancelling"])
async def test_leaving_early_closes_the_connection_at_once(scripted_server: ScriptedServer, how: str) -> None:
    scripted_server.script("endless", pace=0.01)
    async with new_session() as session:
        stream = stream_completion(session, target(scripted_server.url), question(), QUICK)
        await anext(stream)
        if how == "closing":
            await stream.aclose()
        else:
            task = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        gone = await asyncio.to_thread(
            scripted_server.wait_for, lambda: scripted_server.requests[0].was_cut_by_client, 2
        )
        assert gone


async def test_leaving_before_the_first_token_closes_the_connection(scripted_server: ScriptedServer) -> None:
    scripted_server.script("hang")
    async with new_session() as session:
        task = asyncio.ensure_future(anext(stream_completion(session, target(scripted_server.url), question())))
        assert await asyncio.to_thread(scripted_server.wait_for, lambda: bool(scripted_server.requests))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(
            scripted_server.wait_for, lambda: scripted_server.requests[0].was_cut_by_client, 2
        )


async def test_one_connection_serves_answers_in_turn(scripted_server: ScriptedServer) -> None:
    async with new_session() as session:
        to = target(scripted_server.url)
        for _ in range(3):
            assert (await read(to, session=session))[0] == ANSWER
        assert len(scripted_server.requests) == 3
        assert len({recorded.peer for recorded in scripted_server.requests}) == 1


async def test_a_connection_that_died_while_idle_is_replaced(scripted_server: ScriptedServer) -> None:
    async with new_session() as session:
        to = target(scripted_server.url)
        assert (await read(to, session=session))[2] is None
        scripted_server.then("die")
        text, _, failure = await read(to, session=session)
        assert (text, failure) == (ANSWER, None)


async def test_errors_tell_readers_nothing_of_the_address(scripted_server: ScriptedServer) -> None:
    scripted_server.script("broken")
    _, _, failure = await read(target(scripted_server.url))
    assert failure is not None
    assert "127.0.0.1" not in failure.message and "500" not in failure.message
    assert "500" in str(failure)


def test_a_target_shows_no_key() -> None:
    assert "secret" not in repr(target("http://127.0.0.1:1/v1", api_key="secret", id=uuid.uuid4()))
