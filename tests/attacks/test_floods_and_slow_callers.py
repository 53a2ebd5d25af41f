"""Bodies, heads and callers without end: refused early, in bounded memory, while others are served."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import re
import socket
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from app.api import api, openai_api
from app.asgi import FORM_BYTES, TAKES_FILES, most_bytes
from app.web import http_limits
from app.web.bodies import LimitBodies
from tests.serving import server

__all__ = ["server"]

pytestmark = pytest.mark.django_db(transaction=True)
MEGABYTE = 1_000_000


def connected(server: str) -> socket.socket:
    parts = urlsplit(server)
    return socket.create_connection((parts.hostname, parts.port), timeout=10)


def answer_of(line: socket.socket) -> int:
    """The status that comes back; 0 where the line is closed without one."""
    try:
        said = line.recv(4096)
    except (ConnectionError, TimeoutError):
        return 0
    return int(said.split()[1]) if said else 0


def send(line: socket.socket, *pieces: bytes) -> int:
    """All of it, or as much as is taken; the status that comes back."""
    try:
        for piece in pieces:
            line.sendall(piece)
    except (ConnectionError, TimeoutError):
        pass
    return answer_of(line)


def memory() -> int:
    return int(psutil.Process().memory_info().rss)


def is_serving(server: str) -> bool:
    return httpx.get(f"{server}/healthz").status_code == 200


HEADS = {
    "twenty thousand headers": [b"".join(b"x-%d: y\r\n" % number for number in range(20_000))],
    "a few large headers": [b"x-%d: %b\r\n" % (number, b"y" * 8_000) for number in range(5)],
    "one header without an end": [b"x: ", *[b"y" * 65_536] * 300],
    "one name without an end": [b"y" * 65_536] * 300,
    "one cookie of many": [b"cookie: " + b"; ".join(b"c%d=1" % number for number in range(20_000)) + b"\r\n"],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_without_an_end_is_refused_in_bounded_memory(server: str, head: list[bytes]) -> None:
    before = memory()
    with connected(server) as line:
        status = send(line, b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n", *head, b"\r\n\r\n")
    assert status in (431, 400, 0)
    assert memory() - before < 16 * MEGABYTE
    assert is_serving(server)


def test_an_address_without_an_end_is_refused(server: str) -> None:
    with connected(server) as line:
        assert send(line, b"GET /?", *[b"q" * 65_536] * 100) in (431, 400, 0)
    assert is_serving(server)


def test_what_browsers_and_proxies_send_is_taken(server: str) -> None:
    usual = {f"x-forwarded-{number}": "a" * 200 for number in range(60)} | {"cookie": "a=" + "b" * 8_000}
    assert httpx.get(f"{server}/healthz", headers=usual).status_code == 200


def test_a_head_that_drips_gives_its_place_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "HEAD_SECONDS", 0.3)
    with connected(server) as silent, connected(server) as dripping:
        dripping.sendall(b"GET /healthz HT")
        time.sleep(0.2)
        dripping.sendall(b"TP/1.1\r\nhost: 127.0.0.1\r\n")
        assert answer_of(dripping) == answer_of(silent) == 408
        assert dripping.recv(10) == b""
    assert is_serving(server)


def test_a_line_that_is_used_again_is_waited_for_anew(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_limits, "HEAD_SECONDS", 0.5)
    request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    with connected(server) as line:
        for _ in range(3):
            assert send(line, request) == 200
            time.sleep(0.3)
        assert send(line, b"GET /healthz HT") == 408


def test_a_body_without_an_end_is_refused_in_bounded_memory(server: str) -> None:
    def flood() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * 250_000

    before = memory()
    for path in ("/account/login/", "/api/v1/search", "/v1/chat/completions", "/nothing", "/static/css/base.css"):
        with contextlib.suppress(httpx.WriteError):  # the line was closed while the rest was still on its way
            assert httpx.post(f"{server}{path}", content=flood(), timeout=20).status_code == 413, path
    assert memory() - before < 32 * MEGABYTE
    assert is_serving(server)


def patterns_of(patterns: list[object], prefix: str = "/") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns_of(pattern.url_patterns, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield prefix + str(pattern.pattern), pattern


def test_only_addresses_that_take_files_may_be_sent_much() -> None:
    every = {address for address, _ in patterns_of(get_resolver().url_patterns)}
    large = {address for address in every if most_bytes(address) > 5 * MEGABYTE}
    assert large == {
        "/files/",
        "/c/new",
        "/c/<uuid:conversation_id>/ask",
        "/knowledge/sources/<uuid:source_id>/upload/",
        "/api/v1/sources/<uuidstr:source_id>/documents",
        "/api/v1/conversations/<uuidstr:conversation_id>/files",
    }
    assert len(every) > 150
    assert most_bytes("/") <= 2_500_000 + FORM_BYTES
    assert not TAKES_FILES.fullmatch("/files/../account/login/")


SMALL_FILES = {"/people/import/"}  # a table of people, which has to fit into what any other form may send


def test_every_view_that_reads_files_is_among_those_that_take_them() -> None:
    """By what the views and the functions they call say, so that a new one is not forgotten."""
    taking = {address for address, view in views() if reads_files(view)}
    assert taking == {address for address, _ in views() if most_bytes(address) > 5 * MEGABYTE} | SMALL_FILES


def views() -> Iterator[tuple[str, Any]]:
    """Every address with the function that answers it; of the interfaces, each operation."""
    for address, pattern in patterns_of(get_resolver().url_patterns):
        yield address, inspect.unwrap(pattern.callback)
    for interface, prefix in ((api, "/api/v1"), (openai_api, "/v1")):
        for _, router in interface._routers:
            for path, view in router.path_operations.items():
                for operation in view.operations:
                    address = re.sub(r"{uuid(?:str)?:([a-z_]+)}", r"<uuidstr:\1>", prefix + path)
                    yield address, operation.view_func


def reads_files(function: Any, depth: int = 3) -> bool:
    """Whether it, or a function of ours that it names, looks into the files of a request."""
    if function.__module__.split(".")[0] not in OURS:
        return False
    source = textwrap.dedent(inspect.getsource(function))
    if "request.FILES" in source or "File[UploadedFile]" in source:
        return True
    module = sys.modules[function.__module__]
    named = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    called = [inspect.unwrap(one) for name in named if inspect.isfunction(one := getattr(module, name, None))]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = getattr(module, node.value.id, None)
            if inspect.ismodule(holder) and inspect.isfunction(one := getattr(holder, node.attr, None)):
                called.append(inspect.unwrap(one))
    return depth > 0 and any(reads_files(one, depth - 1) for one in called if one is not function)


OURS = ("accounts", "app", "chat", "knowledge", "moderation")


async def test_a_body_that_drips_is_given_up() -> None:
    sent: list[dict[str, object]] = []

    async def never_whole(scope: object, receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass

    async def drip() -> dict[str, object]:

        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def keep(message: dict[str, object]) -> None:
        sent.append(message)

    begun = time.monotonic()
    limited = LimitBodies(never_whole, lambda path: MEGABYTE, patience_seconds=0.3)
    await limited({"type": "http", "headers": [], "path": "/"}, drip, keep)
    assert sent[0]["status"] == 408
    assert 0.2 < time.monotonic() - begun < 2


async def test_a_caller_is_waited_for_while_an_answer_streams() -> None:
    """Waiting for the caller to leave is no body that drips."""

    done = asyncio.Event()

    async def streams(scope: object, receive: object, send: object) -> None:
        await receive()  # type: ignore[operator]
        waiting = asyncio.ensure_future(receive())  # type: ignore[operator]
        await asyncio.sleep(0.4)
        assert not waiting.done()
        waiting.cancel()
        done.set()

    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, object]:
        return messages.pop() if messages else await asyncio.sleep(60, {"type": "http.disconnect"})

    async def send(message: dict[str, object]) -> None: ...

    limited = LimitBodies(streams, lambda path: 100, patience_seconds=0.1)
    await limited({"type": "http", "headers": [], "path": "/"}, receive, send)
    assert done.is_set()
