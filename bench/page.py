"""What the first chat page weighs on its way to a browser, and how long the server makes it.

Weights are of the page and of everything it names, as `make run` and the image serve them: style sheets and scripts
collected and compressed, the page itself gzipped as a proxy sends it.
"""

from __future__ import annotations

import gzip
import re
import statistics
import time
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

from django.test import Client

from accounts.audit import SYSTEM
from accounts.people import create_person
from bench.collecting import collected
from bench.harness import BenchError, Goal, Row, interleaved
from bench.house import House
from chat.models import Assistant
from chat.verbs.asking import start_conversation

CALLS = 40
CONVERSATIONS = 60
_NAMED = re.compile(r'(?:src|href)="([^"#]+\.[a-z0-9]+)(?:#[^"]*)?"|(?:from|import)\s*"(\.[^"]+\.js)"')


def run(house: House) -> list[Row]:
    user = create_person(actor=SYSTEM, email="reader@example.org", password=None)
    assistant = Assistant.objects.create(slug="handbook", name="Handbook", is_for_everyone=True, is_default=True)
    for _ in range(CONVERSATIONS):
        start_conversation(user, assistant=assistant)
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    with collected(house.folder.static):
        weights = _weights(client)
    code = sum(weight for path, weight in weights.items() if PurePosixPath(path).suffix in (".js", ".css"))
    times = interleaved({path: partial(_milliseconds, client, path) for path in ("/", "/healthz")})
    return [
        Row("JavaScript and CSS", [code / 1000], "kB gzipped", goal=Goal("value", 60)),
        Row("everything", [sum(weights.values()) / 1000], "kB gzipped", goal=Goal("value", 100)),
        Row(f"the page, {CONVERSATIONS} conversations", times["/"], "ms", "the smallest answer", times["/healthz"]),
    ]


def _weights(client: Client) -> dict[str, int]:
    """Compressed bytes of the page and all it names, and what that names, by path."""
    weights: dict[str, int] = {}
    waiting = ["/"]
    while waiting:
        path = waiting.pop()
        if path in weights:
            continue
        body = _get(client, path)
        packed = client.get(path, headers={"accept-encoding": "gzip"})
        is_packed = packed.headers.get("content-encoding") == "gzip"
        weights[path] = len(packed.getvalue()) if is_packed else len(gzip.compress(body))
        if path == "/" or path.endswith(".js"):
            named = [first or second for first, second in _NAMED.findall(body.decode())]
            waiting += [urlsplit(urljoin(path, name)).path for name in named]
    return weights


def _get(client: Client, path: str) -> bytes:
    response = client.get(path)
    if response.status_code != 200:
        raise BenchError(f"{path} answers {response.status_code}.")
    return response.getvalue()


def _milliseconds(client: Client, path: str) -> float:
    times = []
    for _ in range(CALLS):
        begun = time.perf_counter()
        _get(client, path)
        times.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(times)
