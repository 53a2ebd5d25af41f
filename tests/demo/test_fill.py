"""A fresh Parley gets the demo company, even when the first start is killed again and again."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from accounts.models import Group, Role, User
from accounts.programs.keys import find_user_by_key
from app.demo.company import FOLDER
from app.demo.fill import HELD_QUESTIONS, PROMPTS, RULES
from app.inference.registry import DEMONSTRATION_MODEL, register_worker
from chat.models import Assistant, Message, SavedPrompt
from knowledge.models import Document, Source
from moderation.models import Policy
from moderation.screening.judging import screen
from moderation.screening.rules import read_rules

pytestmark = pytest.mark.django_db(transaction=True)
PREPARE = [sys.executable, "manage.py", "prepare", "--verbosity", "0"]


@pytest.fixture(autouse=True)
def without_sign_ins() -> Iterator[None]:
    yield
    for path in settings.DATA.root.glob("demo.json*"):
        path.unlink()


def prepare(*, killed_after: int | None = None) -> list[str]:
    """What `manage.py prepare` says; killed when it has said so many lines."""
    said = []
    with subprocess.Popen(PREPARE, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        limit = threading.Timer(240, process.kill)
        limit.start()
        for line in process.stdout:
            said.append(line.strip())
            if killed_after is not None and len(said) >= killed_after:
                process.kill()
        limit.cancel()
    assert killed_after is not None or process.returncode == 0
    return said


def sign_ins() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(settings.DATA.demo.read_text())
    return found


def test_a_fill_killed_twice_ends_whole_and_is_not_repeated(embedding_weights: Path) -> None:
    register_worker(model_name=DEMONSTRATION_MODEL, address="http://127.0.0.1:9/v1", is_embedded=True)
    prepare(killed_after=3)
    assert not settings.DATA.demo.exists()
    prepare(killed_after=15)
    assert prepare()[-1] == "The demo is filled."

    files = [path for name in ("everyone", "people-team", "engineering") for path in (FOLDER / name).iterdir()]
    assert set(Document.objects.values_list("state", flat=True)) == {"published"}
    assert Document.objects.count() == len(files)
    assert {source.name: source.is_for_everyone for source in Source.objects.all()} == {
        "Handbook": True,
        "People team": False,
        "Engineering": False,
    }
    assert {one.slug: one.mode for one in Assistant.objects.all()} == {"handbook": "quote", "writer": "generate"}
    waiting = Message.objects.filter(role="assistant", state="queued", conversation__assistant__slug="handbook")
    assert waiting.count() == len(HELD_QUESTIONS)
    assert SavedPrompt.objects.count() == len(PROMPTS)
    _check_sign_ins()

    before = settings.DATA.demo.read_bytes()
    assert prepare() == []
    assert settings.DATA.demo.read_bytes() == before


def _check_sign_ins() -> None:
    assert settings.DATA.demo.stat().st_mode & 0o777 == 0o600
    accounts = sign_ins()["accounts"]
    assert [account["role"] for account in accounts] == [
        "employee",
        "employee",
        "owner",
        "moderator",
        "moderator",
        "auditor",
        "admin",
    ]
    assert accounts[0]["groups"] != accounts[1]["groups"]
    assert len({account["password"] for account in accounts}) == len(accounts) == User.objects.count()
    for account in accounts:
        user = User.objects.get(email=account["email"])
        assert user.check_password(account["password"])
        assert find_user_by_key(account["api_key"]) == user
        assert set(user.roles) == {Role.EMPLOYEE, account["role"]}
        assert {group.name for group in Group.objects.filter(members=user)} == set(account["groups"])


def test_one_who_has_accounts_already_gets_no_demo(alice: User) -> None:
    assert prepare() == []
    assert not settings.DATA.demo.exists()
    assert not Policy.objects.exists()


def test_only_what_should_is_held() -> None:
    rules = read_rules(RULES)
    assert [screen(question, rules, "question").action for _, question in HELD_QUESTIONS] == ["hold"] * 3
    questions = json.loads((FOLDER / "questions.json").read_text())
    suggestions = json.loads((FOLDER / "suggestions.json").read_text())
    asked = [question["question"] for question in questions if question["readers"] != "People team"] + suggestions
    assert [question for question in asked if screen(question, rules, "question").action != "allow"] == []
