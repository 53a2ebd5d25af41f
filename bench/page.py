"""What the first chat page weighs on its way to a browser, how long the server makes it, and how long it takes to open
a conversation of 1,000 messages.

Weights are of the page and of everything it names, as `make run` and the image serve them: style sheets and scripts
collected and compressed, the page itself gzipped as a proxy sends it.
"""

from __future__ import annotations

import gzip
import re
import statistics
import time
from datetime import timedelta
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import sync_playwright

from accounts.audit import SYSTEM
from accounts.models import User
from accounts.people.people import create_person
from bench.chromium import find_chromium
from bench.collecting import collected
from bench.harness import BenchError, Goal, Row, interleaved
from bench.house import House
from chat.models import Assistant, Conversation, Message
from chat.verbs.asking import start_conversation

CALLS = 40
OPENED = 5
MESSAGES = 1_000
# Some 1,200 characters, as answers are: words, a list, a table, code.
ANSWER = """
Yes, you can. **Ask before you book**, and keep what you were told: it is wanted with the bill. {words}

- Trains and coaches: any class up to 300 km, first class above. {words}
- Hotels: up to the limit of the town, breakfast within it. {words}

| Town | Limit | With breakfast |
|---|---:|:---:|
| Here | 120 | yes |
| There | 95 | no |

```python
def limit(town: str) -> int:
    return {{"here": 120}}.get(town, 95)
```
""".format(words="Who travels often finds the numbers in the guide, which is kept by those who pay. " * 3)
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
        weights = _weights(client, "/")
    code = sum(weight for path, weight in weights.items() if PurePosixPath(path).suffix in (".js", ".css"))
    long = f"/c/{_long_conversation(user, assistant).pk}/"
    subjects = {path: partial(_milliseconds, client, path) for path in ("/", long, "/healthz")}
    times = interleaved(subjects)
    with collected(house.folder.static), house.web("uvicorn") as (port, _):
        opened = interleaved({"": partial(_seconds_to_read, f"http://127.0.0.1:{port}", long, client)})[""]
    return [
        Row("JavaScript and CSS", [code / 1000], "kB gzipped", goal=Goal("value", 60)),
        Row("everything", [sum(weights.values()) / 1000], "kB gzipped", goal=Goal("value", 100)),
        Row(f"the page, {CONVERSATIONS} conversations", times["/"], "ms", "the smallest answer", times["/healthz"]),
        Row(f"a conversation of {MESSAGES:,} messages", times[long], "ms", "the smallest answer", times["/healthz"]),
        Row("the same in Chromium, until its end can be read", opened, "s", goal=Goal("value", 1)),
    ]


def _long_conversation(user: User, assistant: Assistant) -> Conversation:
    """One question after the other, each answered."""
    conversation = start_conversation(user, assistant=assistant)
    rows: list[Message] = []
    for number in range(MESSAGES):
        is_answer = number % 2 == 1
        rows.append(
            Message(
                conversation=conversation,
                parent=rows[-1] if rows else None,
                role=Message.Role.ASSISTANT if is_answer else Message.Role.USER,
                state=Message.State.DONE,
                text=ANSWER if is_answer else f"May I, for the {number}th time?",
                log=[[1, "accepted", None], [2, "delta", len(ANSWER)], [3, "done", None]] if is_answer else [],
                seq=3 if is_answer else 0,
                created_at=timezone.now() - timedelta(seconds=MESSAGES - number),
                finished_at=timezone.now(),
            )
        )
    Message.objects.bulk_create(rows)
    return conversation


def _seconds_to_read(origin: str, path: str, client: Client) -> float:
    """The median of opening it in a Chromium, from asking for the page until everything was loaded and painted."""
    name = settings.SESSION_COOKIE_NAME
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": origin}])
        page = context.new_page()
        page.goto(origin + path)  # what a browser keeps of a site, it has by then
        for _ in range(OPENED):
            begun = time.perf_counter()
            page.goto(origin + path)
            page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
            times.append(time.perf_counter() - begun)
        browser.close()
    return statistics.median(times)


def _weights(client: Client, page: str) -> dict[str, int]:
    """Compressed bytes of the page and all it names, and what that names, by path."""
    weights: dict[str, int] = {}
    waiting = [page]
    while waiting:
        path = waiting.pop()
        if path in weights:
            continue
        body = _get(client, path)
        packed = client.get(path, headers={"accept-encoding": "gzip"})
        is_packed = packed.headers.get("content-encoding") == "gzip"
        weights[path] = len(packed.getvalue()) if is_packed else len(gzip.compress(body))
        if path == page or path.endswith(".js"):
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
