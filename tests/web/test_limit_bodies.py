"""Bodies over the limit are refused before they are stored, whether or not they say how long they are."""

import pytest

from app.web.bodies import LimitBodies


async def reads_everything(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def status_of(pieces: list[bytes], headers: list[tuple[bytes, bytes]]) -> int:
    sent = []
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    await LimitBodies(reads_everything, lambda path: 100)({"type": "http", "headers": headers}, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("pieces", "headers", "status"),
    [
        ([b"x" * 50], [(b"content-length", b"50")], 200),
        ([b"x" * 60, b"x" * 40], [], 200),
        ([b"x" * 60, b"x" * 41], [], 413),
        ([b"x" * 10], [(b"content-length", b"101")], 413),
        ([b"x" * 60, b"x" * 60], [(b"content-length", b"nonsense")], 413),
    ],
)
async def test_a_body_over_the_limit_is_refused(pieces, headers, status):
    assert await status_of(pieces, headers) == status
