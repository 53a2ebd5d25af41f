"""A key or token narrows everything: what is seen and what may be done, whoever decides it.

Somebody who has every right and comes with a key for one of them must be to all of Parley as somebody who has that
right alone. So each question that a model answers about a person is asked of both, for every right there is.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps

from accounts import rights
from accounts.capabilities import CAPABILITIES, GRANTS
from accounts.models import User
from accounts.scope import Scope
from tests.architecture.test_access import World, world

__all__ = ["world"]

QUESTIONS = ("_to", "_by", "_for")  # how methods that ask which rows are somebody's end


@pytest.fixture
def everybody(world: World) -> User:
    """olivia, who keeps sources for Crew, with every role there is."""
    user = world.people["olivia"]
    user.roles = [*GRANTS]
    return user


def narrowed(user: User, capability: str) -> User:
    """With a key that was given this right."""
    limited = copy.copy(user)
    limited.scope = Scope.of("key", capabilities=[capability], assistants=None, line="x", until=None)
    return limited


def with_it_alone(user: User, capability: str) -> User:
    """The same person, with this right and no other."""
    plain = copy.copy(user)
    plain.roles, plain.granted = [], [capability]
    return plain


def questions() -> Iterator[tuple[str, Any, str]]:
    """Every queryset's methods that take a person and nothing else."""
    for model in apps.get_models():
        manager = getattr(model, "objects", None)
        for name, method in inspect.getmembers(type(manager), inspect.isfunction):
            takes = [each for each in inspect.signature(method).parameters if each != "self"]
            if name.endswith(QUESTIONS) and "user" in _of_its_own(manager, name) and takes in (["user"], _ANY):
                yield f"{model.__name__}.{name}", manager, name


_ANY = ["args", "kwargs"]  # what Django's copies of a queryset's methods on its manager take


def _of_its_own(manager: Any, name: str) -> list[str]:
    own = getattr(manager._queryset_class, name, None)
    return list(inspect.signature(own).parameters)[1:2] if own is not None else []


def test_which_rows_are_somebodys_is_narrowed_by_their_key(everybody: User) -> None:
    asked, wrong = 0, {}
    for said, manager, name in questions():
        for capability in CAPABILITIES:
            rows = [
                set(getattr(manager.all(), name)(person).values_list("pk", flat=True))
                for person in (narrowed(everybody, capability), with_it_alone(everybody, capability))
            ]
            asked += 1
            if rows[0] != rows[1]:
                wrong[said, capability] = rows[0] ^ rows[1]
    assert wrong == {}
    assert asked > 20 * len(CAPABILITIES)


def test_what_an_object_permits_is_narrowed_by_their_key(everybody: User) -> None:
    objects = [
        one
        for model in apps.get_models()
        if hasattr(model, "permits") and model._meta.pk is not None
        for one in model._default_manager.all()
    ]
    assert objects
    wrong = [
        (str(one), own, asked)
        for one in objects
        for own in CAPABILITIES
        for asked in CAPABILITIES
        if rights.can(narrowed(everybody, own), asked, one) != rights.can(with_it_alone(everybody, own), asked, one)
    ]
    assert wrong == []


def test_roles_are_looked_at_in_few_places() -> None:
    """A role says nothing of what the key was given: whoever decides by one narrows it, as these do."""
    known = {"accounts.models", "accounts.roles", "accounts.admin", "accounts.people.people", "accounts.scim.people"}
    found = set()
    for app in ("accounts", "chat", "knowledge", "moderation", "app"):
        for module in _modules(app):
            tree = ast.parse(Path(module.__file__).read_text())
            calls = {node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_attribute(node)}
            if "has_role" in calls:
                found.add(module.__name__)
    assert found <= known


def _is_attribute(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute)


def _modules(app: str) -> list[Any]:
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] == app and "migrations" not in name]
    return [module for module in ours if str(getattr(module, "__file__", "")).endswith(".py")]
