"""A title by a model: short, one line, and nothing at all rather than prose."""

from __future__ import annotations

import pytest

from app.inference.asides.titling import make_title, read_title
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer


@pytest.fixture
def model(db: None, scripted_server: ScriptedServer) -> ScriptedServer:
    ensure_model(name="capable", role="generate")
    register_worker(model_name="capable", address=scripted_server.url)
    return scripted_server


def test_the_model_is_asked_with_the_beginnings_of_both(model: ScriptedServer) -> None:
    model.script(tokens=["Carrying over leave"])
    assert make_title("capable", question="q" * 5_000, answer="a" * 5_000) == "Carrying over leave"
    (asked,) = model.requests
    assert len(asked.body["messages"][-1]["content"]) < 3_100
    assert asked.body["max_tokens"] <= 200


@pytest.mark.parametrize("what", ["broken", "die", "hang", "wrong-type"])
def test_a_model_that_fails_gives_none(model: ScriptedServer, what: str) -> None:
    model.script(what)
    assert make_title("capable", question="q", answer="a", seconds=0.3) == ""


@pytest.mark.django_db
def test_a_model_without_servers_gives_none() -> None:
    assert make_title("nobody", question="q", answer="a") == ""


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Urlaubstage übertragen", "Urlaubstage übertragen"),
        ('"Carrying over leave."', "Carrying over leave"),
        ("**Title: Carrying over leave**\n\nI hope this helps!", "Carrying over leave"),
        ("<think>They ask about leave.</think>\n\nCarrying over leave", "Carrying over leave"),
        ("<think>They ask about", ""),
        ("One two three four five six seven", "One two three four five six"),
        ("I am sorry, but I cannot give this conversation a title.", ""),
        ("x" * 100, ""),
        ("…", "…"),
        ("", ""),
    ],
)
def test_what_is_no_title_is_none(said: str, title: str) -> None:
    assert read_title(said) == title
