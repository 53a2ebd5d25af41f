"""The stream benchmark's model server says as many tokens as are asked for, in time, and each says when it was said."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bench import readers, upstream
from bench.house import free_port
from bench.readers import read_together


def test_a_token_tells_how_long_it_was_under_way(monkeypatch: pytest.MonkeyPatch):
    # Said just before the stamps begin again.
    monkeypatch.setattr(upstream.time, "monotonic", lambda: 3 * upstream.PERIOD - 0.01)
    token = upstream.stamp()
    assert len(token) == upstream.TOKEN_CHARACTERS
    assert upstream.age_of(token, 3 * upstream.PERIOD + 0.01) == pytest.approx(0.02, abs=0.0002)


async def test_readers_get_every_token_in_order_over_one_connection_after_another():
    port = free_port()
    serving = asyncio.create_task(upstream.serve(port, 0.005))
    try:
        async with aiohttp.ClientSession() as session:
            reader = readers.sse_reader(session, f"http://127.0.0.1:{port}/v1", 6)
            await asyncio.sleep(0.1)
            for _ in range(2):  # the second time over the same connections
                streamed = await read_together(3, reader, lambda: 0.0, needs_window=False)
                assert streamed.tokens == 18
                assert streamed.lost(6) == streamed.out_of_order == 0
                assert all(0 <= age < 1_000 for age in streamed.ages)
            async with session.get(f"http://127.0.0.1:{port}/v1/models") as listed:
                assert (await listed.json())["data"][0]["id"] == upstream.MODEL
    finally:
        serving.cancel()


async def test_a_reader_who_leaves_is_not_spoken_to_any_more():
    loop, written = asyncio.get_running_loop(), []
    speaker = upstream.Speaker(0.01)

    class Wire(asyncio.Transport):
        def write(self, data: bytes) -> None:
            written.append(data)

    speaker.connection_made(Wire())
    body = b'{"max_tokens": 100}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(body)
    speaker.data_received(head[:20])
    assert written == []
    speaker.data_received(head[20:] + body)
    assert len(written) == 2
    speaker.connection_lost(None)
    said = len(written)
    await asyncio.sleep(0.05)
    assert loop.is_running() and len(written) == said
