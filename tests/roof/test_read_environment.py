"""Variables of the environment: lists that are checked, and objects; what cannot be read is refused by name."""

from __future__ import annotations

import pytest

from app import environment
from app.errors import BadInputError


def test_a_list_may_hold_only_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.some_of("ROLES", ("admin", "owner"), "") == []
    monkeypatch.setenv("ROLES", "admin, owner")
    assert environment.some_of("ROLES", ("admin", "owner"), "") == ["admin", "owner"]
    monkeypatch.setenv("ROLES", "admin,administrator")
    with pytest.raises(BadInputError, match="ROLES names administrator; it may name: admin, owner"):
        environment.some_of("ROLES", ("admin", "owner"), "")


def test_objects_are_a_list_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.objects("THINGS") == []
    monkeypatch.setenv("THINGS", '[{"id": "one"}]')
    assert environment.objects("THINGS") == [{"id": "one"}]
    for wrong in ("{", '{"id": "one"}', '["one"]'):
        monkeypatch.setenv("THINGS", wrong)
        with pytest.raises(BadInputError, match="THINGS"):
            environment.objects("THINGS")
