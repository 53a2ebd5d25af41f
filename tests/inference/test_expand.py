"""Rewording a question by a small model: defensively read, and never in the way."""

import orjson
import pytest

from app.inference.asides.expanding import expand, wordings
from app.inference.models import Role
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer

QUESTION = "How many holidays do I get?"
SAID = ["annual leave entitlement", "days of paid vacation", "holiday allowance"]


@pytest.fixture
def model(db: None, scripted_server: ScriptedServer) -> ScriptedServer:
    ensure_model(name="small", role=Role.EXPAND, upstream_name="org/small")
    register_worker(model_name="small", address=scripted_server.url)
    scripted_server.script(tokens=[orjson.dumps(SAID).decode()])
    return scripted_server


def test_the_model_is_asked_once_and_its_wordings_come_back(model: ScriptedServer) -> None:
    assert expand(QUESTION) == SAID
    (asked,) = model.requests
    assert asked.body["model"] == "org/small"
    assert asked.body["messages"][-1] == {"role": "user", "content": QUESTION}


@pytest.mark.django_db
def test_without_such_a_model_there_are_none() -> None:
    assert expand(QUESTION) == []


@pytest.mark.parametrize("what", ["broken", "die", "hang", "wrong-type"])
def test_a_model_that_fails_adds_nothing(model: ScriptedServer, what: str) -> None:
    model.script(what)
    assert expand(QUESTION, seconds=0.3) == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('["annual leave", "vacation days"]', ["annual leave", "vacation days"]),
        ('Here you are:\n```json\n["annual leave",\n "vacation days"]\n```', ["annual leave", "vacation days"]),
        ('{"queries": ["annual leave", "vacation days"]}', ["annual leave", "vacation days"]),
        (
            "1. annual leave\n2) vacation days\n- paid time off\n* another",
            ["annual leave", "vacation days", "paid time off"],
        ),
        ("Other wordings:\n\n“annual leave”\n\n", ["“annual leave”"]),
        ('["annual leave", "Annual  leave!", "how many holidays do I get"]', ["annual leave"]),
        ('["a", 7, null, ["b"], {"c": 1}, "", "   "]', ["a"]),
        ('["annual leave", "vac', ["annual leave"]),
        ("<think>They mean [holidays].</think>\nannual leave", ["annual leave"]),
        ("<think>I wonder", []),
        (f'["{"long " * 60}"]', []),
        ("", []),
        ("[]", []),
        ('["one", "two", "three", "four"]', ["one", "two", "three"]),
    ],
)
def test_wordings_are_read_from_whatever_was_said(said: str, expected: list[str]) -> None:
    assert wordings(said, QUESTION) == expected
