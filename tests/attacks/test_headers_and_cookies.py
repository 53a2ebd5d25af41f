"""What a browser is told by every answer: pages, errors, REST, static files, downloads, refusals before Django."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.urls import reverse

from accounts.models import Group, User
from app.asgi import application
from app.web.headers import ALWAYS, complete
from app.web.threads import in_thread
from tests import factories
from tests.architecture.access_matrix import API, PAGES, Row
from tests.architecture.test_access import World
from tests.architecture.world import make_world
from tests.conftest import SignIn

ROOT = Path(__file__).resolve().parents[2]
POLICY = "content-security-policy"


def flaws(name: str, response: Any) -> list[str]:
    """What is missing from the headers of an answer."""
    headers = {key.lower(): value for key, value in response.headers.items()}
    found = [f"{name}: no {header}" for header in ALWAYS if header.lower() not in headers]
    if headers.get("x-content-type-options") != "nosniff" or headers.get("x-frame-options") not in ("DENY", None):
        found.append(f"{name}: {headers}")
    policy = headers.get(POLICY, "")
    if re.search(r"unsafe-|\*|https?:", policy):
        found.append(f"{name}: a lax policy, {policy}")
    is_bare = policy.startswith("sandbox") or "default-src 'none'" in policy
    if not is_bare or not ("frame-ancestors 'none'" in policy or policy.startswith("sandbox")):
        found.append(f"{name}: the policy is {policy!r}")
    if not re.search(r"no-store|no-cache", headers.get("cache-control", "")) and "static" not in name:
        found.append(f"{name}: may be kept, {headers.get('cache-control')}")
    if "public" in headers.get("cache-control", "") and "static" not in name:
        found.append(f"{name}: kept by proxies")
    if {"server", "x-powered-by"} & headers.keys():
        found.append(f"{name}: says what it runs on")
    if "access-control-allow-origin" in headers:
        found.append(f"{name}: read by other sites")
    return found + [f"{name}: {cookie}" for cookie in response.headers.get_list("set-cookie") if not is_safe(cookie)]


def is_safe(cookie: str) -> bool:
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    return "httponly" in parts and "samesite=lax" in parts and "path=/" in parts


@pytest.mark.django_db(transaction=True)
async def test_every_address_sends_all_of_them(
    alice: User, olivia: User, dana: User, aaron: User, ada: User, bob: User, crew: Group, signed_in: SignIn
) -> None:
    people = {"alice": alice, "bob": bob, "olivia": olivia, "dana": dana, "aaron": aaron, "ada": ada}
    ids = await in_thread(make_world, people, crew)
    world = World(people, ids, signed_in, signed_in)
    cookies = {name: (await in_thread(signed_in, user)).cookies for name, user in people.items()}
    keys = {name: await in_thread(factories.make_key, user) for name, user in people.items()}
    wrong, answered = [], 0
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        for row in [row for row in PAGES + API if row.method == "GET" and not row.commits]:
            caller = next((name for name in sorted(people) if name in row.allowed), "alice")
            session = cookies[caller].get(settings.SESSION_COOKIE_NAME)
            is_api = row.name.startswith("/")
            address = row.name.format(**ids) if is_api else reverse(row.name, kwargs=arguments(row, world))
            bearer = {"authorization": f"Bearer {keys[caller]}"} if is_api else {}
            client.cookies.clear()
            for headers in (bearer | {"cookie": f"{settings.SESSION_COOKIE_NAME}={session.value}"}, {}):
                response = await client.get(address, params=row.query, headers=headers)
                answered += 1
                wrong += flaws(f"{row} {response.status_code}", response)
        for path in ("/nothing", "/api/v1/nothing", "/v1/nothing", "/static/css/base.css", "/static/nothing.css"):
            wrong += flaws(path, await client.get(path))
        wrong += flaws("a static picture", await client.get("/static/icons/sprite.svg"))
        wrong += flaws("no such method", await client.delete("/"))
        wrong += flaws("another host", await client.get("/", headers={"host": "evil.example"}))
        wrong += flaws("not signed in", await client.post("/c/new", data={"text": "?"}))
        wrong += flaws("too much", await client.post("/account/login/", content=b"x" * 5_000_000))
        wrong += flaws("a signing in", await client.post("/account/login/", data={"login": "a", "password": "b"}))
    assert wrong == []
    assert answered > 120


def arguments(row: Row, world: World) -> dict[str, str]:
    return {name: value[1:] if value.startswith("=") else world.ids[value] for name, value in row.args.items()}


def test_what_an_answer_says_itself_is_left_as_it_is() -> None:
    own = [(b"Cache-Control", b"public"), (b"x-frame-options", b"SAMEORIGIN")]
    told = complete(own)
    assert told[:2] == own
    assert len([name for name, _ in told if name.lower() == b"cache-control"]) == 1


def test_the_policy_lets_in_nothing_but_our_own() -> None:
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert directives["default-src"] == directives["base-uri"] == directives["frame-ancestors"] == ["'none'"]
    assert {source for name, sources in directives.items() for source in sources} == {"'none'", "'self'", "data:"}
    assert [name for name, sources in directives.items() if "data:" in sources] == ["img-src"]


PRODUCTION = {
    "PUBLIC_URL": "https://parley.example.org",
    "ALLOWED_HOSTS": "parley.example.org",
    "SECRET_KEY": "k" * 32 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "MASTER_KEY": "m" * 32 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "DEMO": "0",
}
SHOW = """
import json, django
django.setup()
from django.conf import settings
from django.core.management import call_command
from django.test import Client
call_command("check", deploy=True, fail_level="WARNING")
client = Client(headers={"X-Forwarded-Proto": "https"})
answer = client.get("/offline/", headers={"host": "parley.example.org"})
plain = Client().get("/offline/", headers={"host": "parley.example.org"})
print(json.dumps({
    "names": [settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME],
    "flags": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.LANGUAGE_COOKIE_SECURE],
    "paths": [settings.SESSION_COOKIE_PATH, settings.CSRF_COOKIE_PATH, settings.LANGUAGE_COOKIE_PATH],
    "domains": [settings.SESSION_COOKIE_DOMAIN, settings.CSRF_COOKIE_DOMAIN, settings.LANGUAGE_COOKIE_DOMAIN],
    "hsts": answer.headers.get("Strict-Transport-Security"),
    "redirect": [plain.status_code, plain.headers.get("Location")],
}))
"""


def test_behind_tls_django_finds_nothing_and_cookies_are_of_this_host_alone(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DEBUG", "PORT")}
    environment |= PRODUCTION | {"PARLEY_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "app.settings"}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout.splitlines()[-1])
    assert all(name.startswith("__Host-") for name in shown["names"])
    assert shown["flags"] == [True] * 3
    assert (shown["paths"], shown["domains"]) == (["/"] * 3, [None] * 3)
    assert shown["hsts"] == "max-age=31536000; includeSubDomains"
    assert shown["redirect"] == [301, "https://parley.example.org/offline/"]
