"""What a fresh installation is, before anybody has set anything."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from app.embedded import paths
from app.embedded.application import web_part
from tests.attacks.parameters import ROOT


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_a_fresh_installation_listens_on_loopback_alone(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_SERVER", server)
    command = web_part(8000).command
    at = command.index("--host" if server == "uvicorn" else "-b")
    assert command[at + 1] == "127.0.0.1"
    assert not {"0.0.0.0", "::", "--reload", "--debug"} & set(command)
    if server == "uvicorn":
        assert command[command.index("--http") + 1] == "app.web.http_limits:BoundedHttp"
        assert {"--no-server-header", "--no-proxy-headers"} <= set(command)


def test_it_answers_to_its_own_name_alone_and_shows_no_workings() -> None:
    assert settings.DEBUG is False
    assert set(settings.ALLOWED_HOSTS) <= {"127.0.0.1", "localhost", "[::1]", "testserver"}
    assert Client(headers={"host": "evil.example"}).get("/healthz").status_code == 400


def test_passwords_are_hashed_by_argon2_at_the_price_that_django_gives_it() -> None:
    """Which the tests pay less for (tests/conftest.py); a hasher of Parley's own would have to say what it costs."""
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


def test_secrets_are_random_and_of_their_owner_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from app.embedded.paths import secret; print(secret('secret_key'))"]
    made = set()
    for name in ("one", "two"):
        environment = os.environ | {"PARLEY_DATA_DIR": str(tmp_path / name)}
        first, again = (
            subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120
            ).stdout
            for _ in range(2)
        )
        assert first == again
        made.add(first.strip())
        kept = tmp_path / name / "secrets" / "secret_key"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert len(made) == 2 and all(len(secret) >= 40 for secret in made)
    assert paths.secret("secret_key") not in made


@pytest.mark.parametrize(
    "path", ["/static/", "/static/css/", "/.git/config", "/static/../app/settings.py", "/var/", "/media/"]
)
def test_folders_and_what_lies_beside_are_not_shown(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_methods_that_show_requests_are_not_there() -> None:
    for method in ("TRACE", "TRACK", "CONNECT", "DEBUG"):
        assert Client().generic(method, "/healthz").status_code in (200, 405)
        assert b"q7zx" not in Client().generic(method, "/offline/", headers={"X-Mark": "q7zx"}).content
