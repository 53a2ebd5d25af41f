"""Passwords, keys, session ids and credentials in nothing that is logged, at the finest level there is.

Each deed is done with secrets that no rule knows beforehand; then what was written is looked through for them, in the
words that the configured handler writes: once as Parley is set up, and once with every library as talkative as it can
be, so that masking alone has to hold.
"""

from __future__ import annotations

import io
import logging
import logging.config
import secrets
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.conf import settings as parley
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer

from accounts.models import User
from app.inference.scripted_server import ScriptedServer
from app.web import log_masks
from app.web.log_masks import MASK, MaskingFormatter, masked
from chat.verbs.sharing import token_of
from knowledge.connectors.base import Item, Patterns
from knowledge.connectors.files.s3 import S3Connector
from tests import factories
from tests.conftest import SignIn
from tests.inference.fixtures import scripted_server
from tests.knowledge.connectors.buckets import Store
from tests.knowledge.connectors.conftest import s3_server

__all__ = ["s3_server", "scripted_server"]

pytestmark = pytest.mark.django_db


class Canaries:
    """Secrets made up for one test, by what they are."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def new(self, what: str) -> str:
        return self.made.setdefault(what, secrets.token_urlsafe(24).replace("-", "x"))

    def note(self, what: str, secret: str) -> str:
        self.made[what] = secret
        return secret

    def told_in(self, text: str) -> set[str]:
        return {what for what, secret in self.made.items() if secret in text}


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture(params=["as set up", "masks alone"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What is logged from now on."""
    config: dict[str, Any] = deepcopy(parley.LOGGING)
    into = io.StringIO()
    config["handlers"]["console"]["stream"] = into
    config["root"]["level"] = "DEBUG"
    if request.param == "masks alone":
        for each in config["loggers"].values():
            each["level"] = "DEBUG"
    handlers, levels = list(logging.getLogger().handlers), _levels()
    logging.config.dictConfig(config)
    yield into
    logging.config.dictConfig(parley.LOGGING)
    logging.getLogger().handlers[:] = handlers
    # The configuration leaves levels that it does not name as they are; a talkative "django" makes every page slow.
    for logger in _levels():
        logger.setLevel(levels.get(logger, logging.NOTSET))


def _levels() -> dict[logging.Logger, int]:
    there = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    return {one: one.level for one in there if isinstance(one, logging.Logger)}


def test_signing_in_and_links_that_open_something(
    written: io.StringIO, canaries: Canaries, alice: User, bob: User, signed_in: SignIn
) -> None:
    password = canaries.new("password")
    alice.set_password(password)
    alice.save()
    client = Client()
    client.raise_request_exception = False
    client.post("/account/login/", {"login": alice.email, "password": canaries.new("wrong password")})
    client.post("/account/login/", {"login": alice.email, "password": password})
    canaries.note("session", client.cookies[parley.SESSION_COOKIE_NAME].value)
    client.get("/account/keys/")
    client.get(f"/account/password/reset/key/{canaries.new('link to a new password')}-x/")
    client.post("/account/password/change/", {"oldpassword": password, "password1": canaries.new("new password")})
    share = factories.make_share(conversation=factories.make_conversation(owner=alice), people=[bob])
    for browser in (signed_in(bob), client, Client()):
        browser.get(f"/s/{canaries.note('link to a share', token_of(share))}")
        browser.get(f"/s/{canaries.new('wrong link')}")
    Client(headers={"host": "evil.example"}).get(f"/?token={canaries.new('token in an address')}")
    logging.getLogger("django.request").error("Not Found: /s/%s", canaries.made["link to a share"])
    assert "evil.example" in written.getvalue(), "nothing was heard"
    assert canaries.told_in(written.getvalue()) == set()


def test_keys_of_programs_and_errors_in_between(
    written: io.StringIO, canaries: Canaries, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = canaries.note("key", factories.make_key(alice))
    inner = canaries.new("password in an error")

    def break_down(*_: Any) -> None:
        raise RuntimeError(f"cannot reach postgresql://parley:{inner}@db/parley?password={inner}, key {key}")

    monkeypatch.setattr("knowledge.queries.sources_of", break_down)
    client = Client(headers={"Authorization": f"Bearer {key}"})
    client.raise_request_exception = False
    assert client.get("/api/v1/sources").status_code == 500
    assert client.post("/v1/chat/completions", {"api_key": key}, content_type="application/json").status_code == 422
    Client(headers={"Authorization": f"Bearer {canaries.new('wrong key')}"}).get("/api/v1/sources")
    assert "RuntimeError" in written.getvalue(), "nothing was heard"
    assert canaries.told_in(written.getvalue()) == set()


def test_keys_of_model_servers(
    written: io.StringIO, canaries: Canaries, ada: User, signed_in: SignIn, scripted_server: ScriptedServer
) -> None:
    form = {"role": "generate", "capacity": "4", "name": "capable", "api_key": canaries.new("model server's key")}
    browser = signed_in(ada)
    browser.post(reverse("pool:add_server"), form | {"address": scripted_server.url})
    browser.post(reverse("pool:test_server"), form | {"address": "http://127.0.0.1:1/v1"})
    scripted_server.script("fail")
    browser.post(reverse("pool:test_server"), form | {"address": scripted_server.url})
    assert scripted_server.requests[0].headers["Authorization"].endswith(canaries.made["model server's key"])
    assert canaries.told_in(written.getvalue()) == set()


def test_credentials_of_sources(
    written: io.StringIO, canaries: Canaries, settings: Any, s3_server: ThreadedMotoServer
) -> None:
    store = Store(s3_server.get_host_and_port()[1])
    store.put("leave.md", b"28 days")
    settings.SOURCE_HOSTS = [store.host]
    credential = f"{canaries.new('id of a key')}:{canaries.new('secret of a key')}"
    config = {"bucket": "handbook", "endpoint": store.endpoint}
    connector = S3Connector(config, credential, Patterns())
    (item,) = [entry for entry in connector.items({}) if isinstance(entry, Item)]
    assert b"".join(connector.read(item)) == b"28 days"
    assert canaries.told_in(written.getvalue()) == set()


LINES = [
    "Authorization: Bearer {}",
    "headers={{'Authorization': 'Bearer {}', 'Host': 'x'}}",
    "[(b'authorization', b'Bearer {}'), (b'host', b'x')]",
    "cookie: sessionid={}; csrftoken={}",
    "Set-Cookie: __Host-sessionid={}; Path=/",
    "password={}&next=/",
    '{{"password": "{}", "login": "x"}}',
    "{{'api_key': '{}'}}",
    "POST /login?token={} 200",
    "redis://:{}@valkey:6379/0 refused",
    "postgresql://parley:{}@db/parley",
    "https://oauth2:{}@git.example.org/handbook.git",
    "https://bucket.example.org/a?X-Amz-Signature={}&X-Amz-Credential={}",
    "GET /s/{}",
    "Resolver404: {{'path': 's/{}'}}",
    "/account/password/reset/key/3-{}/",
    "aws_secret_access_key = {}",
    "client_secret: {}",
    "S3FileSystem(key='x', secret='{}')",
    "('password', '{}')",
]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_known_by_what_stands_around_it(line: str) -> None:
    secret = secrets.token_urlsafe(24)
    told = masked(line.format(secret, secret))
    assert secret not in told
    assert MASK in told


@pytest.mark.parametrize(
    "line",
    [
        "1200 prompt_tokens=5, max_tokens: 12 in 3.2 s",
        "worker 4 of capable is sick: no answer within 1.5 s",
        "https://example.org/handbook?page=2 was not read: 404",
        "GET /c/0b0e8a2c-0000-0000-0000-000000000000",
    ],
)
def test_what_is_no_secret_stays(line: str) -> None:
    assert masked(line) == line


def test_what_the_settings_hold_is_masked_wherever_it_stands(settings: Any) -> None:
    settings.MODEL_API_KEY = "plain words of ours"
    log_masks._own_secrets.cache_clear()
    assert masked(f"<{settings.MODEL_API_KEY}><{settings.SECRET_KEY}>") == f"<{MASK}><{MASK}>"
    log_masks._own_secrets.cache_clear()


def test_a_stranger_cannot_write_a_line_of_their_own() -> None:
    """What was sent may hold new lines, colours of terminals, and marks that turn text around."""
    sent = "x\n2026-01-01 INFO accounts all is well\r\x1b[2J\u202e\x85y"
    record = logging.LogRecord("parley", logging.WARNING, "", 1, "no such file: %s", (sent,), None)
    line = MaskingFormatter("{levelname} {message}", style="{").format(record)
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line and "\u202e" not in line
