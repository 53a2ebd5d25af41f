"""Who sees which areas in the top bar."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.capabilities import given_by
from app.web import context


@pytest.fixture(autouse=True)
def nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_counters", {})


def _areas(path: str, *roles: str, signed_in: bool = True) -> list[context.Area]:
    request: Any = RequestFactory().get(path)
    request.user = SimpleNamespace(is_authenticated=signed_in, capabilities=given_by(list(roles)))
    areas: list[context.Area] = context.shell(request)["shell"].areas
    return areas


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (["employee"], ["Chat", "Knowledge"]),
        (["employee", "owner"], ["Chat", "Knowledge"]),
        (["employee", "moderator"], ["Chat", "Knowledge", "Review"]),
        (["employee", "admin"], ["Chat", "Knowledge", "Pool", "Programs", "Usage", "People", "Admin"]),
        (["employee", "auditor"], ["Chat", "Knowledge", "Audit", "Usage", "People"]),
    ],
)
def test_areas_follow_from_roles(roles: list[str], names: list[str]) -> None:
    assert [area.name for area in _areas("/", *roles)] == names


def test_a_visitor_sees_no_areas() -> None:
    assert _areas("/account/login/", signed_in=False) == []


@pytest.mark.parametrize(
    ("path", "current"),
    [("/", ["Chat"]), ("/c/1/", ["Chat"]), ("/knowledge/new", ["Knowledge"]), ("/account/keys/", [])],
)
def test_the_area_one_is_in_is_marked(path: str, current: list[str]) -> None:
    assert [area.name for area in _areas(path, "employee") if area.is_current] == current


def test_what_waits_is_counted_only_for_who_enters() -> None:
    asked: list[Any] = []
    context.count_with("Review", lambda user: asked.append(user) or 4)
    assert [area.count for area in _areas("/", "employee")] == [0, 0]
    assert asked == []
    assert [area.count for area in _areas("/", "moderator")] == [0, 0, 4]


def test_limits_are_in_the_area_of_usage() -> None:
    current = [area.name for area in _areas("/operations/limits/", "employee", "admin") if area.is_current]
    assert current == ["Usage"]
