"""Scripts hold no words of their own: what they ask for by name, some page has."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "static/js").glob("*.js"))
TEMPLATES = "".join(path.read_text() for path in (ROOT / "templates").rglob("*.html"))
ASKED = re.compile(r"\bword\(((?:[^()]|\([^()]*\))*)\)")
NAME = re.compile(r'"([a-z][A-Za-z]*)"')


def names_in(text: str) -> set[str]:
    return {name for call in ASKED.findall(text) for name in NAME.findall(call.split("{")[0])}


def test_names_are_found_where_scripts_ask_for_words() -> None:
    assert names_in('say(word(is ? "one" : "two", { at: "x" })); word("three")') == {"one", "two", "three"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_word_that_a_script_asks_for_stands_in_a_page(path: Path) -> None:
    for name in names_in(path.read_text()):
        attribute = "data-" + re.sub(r"[A-Z]", lambda match: f"-{match[0].lower()}", name)
        assert f"{attribute}=" in TEMPLATES, f"{path.name} asks for {name}, and no page has {attribute}"
