"""Every class of attack has tests that exist, and every published hole of the list is tried again."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.attacks.classes import CLASSES, Attack

TESTS = Path(__file__).resolve().parents[1]


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of the tests of a file, those that are skipped left out."""
    if not path.exists():
        return frozenset()
    made = ast.parse(path.read_text())
    functions = [node for node in ast.walk(made) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(
        each.name for each in functions if not any("skip" in ast.unparse(mark) for mark in each.decorator_list)
    )


def missing(named: tuple[str, ...]) -> list[str]:
    found = []
    for each in named:
        file, _, name = each.partition("::")
        if name not in names_in(TESTS / file):
            found.append(each)
    return found


@pytest.mark.parametrize("attack", CLASSES.values(), ids=CLASSES)
def test_what_stands_against_it_is_there(attack: Attack) -> None:
    assert attack.tests, "nothing stands against it"
    assert missing(attack.tests) == [], "renamed or removed: say in classes.py what took its place"
    for hole, named in attack.holes.items():
        assert named and missing(named) == [], hole


def test_every_file_here_is_in_the_table() -> None:
    """A class that is attacked is one that is spoken of."""
    named = {each.partition("::")[0] for attack in CLASSES.values() for each in attack.tests}
    here = {f"attacks/{path.name}" for path in Path(__file__).parent.glob("test_*.py")}
    assert here - named == {"attacks/test_classes.py", "attacks/test_standard.py"}


def test_the_list_of_holes_is_as_long_as_it_was() -> None:
    """Nobody takes one off by mistake."""
    assert len([hole for attack in CLASSES.values() for hole in attack.holes]) == 28


def test_a_test_that_is_gone_is_noticed() -> None:
    assert missing(("attacks/test_classes.py::test_that_never_was", "attacks/no_file.py::test_x")) != []
