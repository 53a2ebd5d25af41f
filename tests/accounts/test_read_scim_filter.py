"""A directory's filter: whatever is sent is answered or refused, and what is found is what the words say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Group, User
from accounts.models.directory import DirectoryGroup, DirectoryPerson
from accounts.scim import asking
from accounts.scim.asking import USER_ATTRIBUTES
from accounts.scim.errors import ScimError
from accounts.scim.filters import read_filter, read_path
from accounts.scim.people import resource_of
from tests import factories
from tests.accounts.provisioner import Provisioner

TEXTS = {
    "userName": "userName",
    "displayName": "displayName",
    "externalId": "externalId",
    "emails.value": "email",
    "name.givenName": "given",
}
WORDS = ("mia", "Noah", "b_l%", "", "example", "MIA@example.org", "e-1", 'quo"te\\')


@pytest.fixture
def rows(db: None) -> list[dict[str, Any]]:
    """Some people, as plain values."""
    kept = factories.make_group("Kept")
    kept.external_id = "scim:x"
    kept.save()
    DirectoryGroup.objects.create(group=kept)
    for number, (name, active) in enumerate([("mia", True), ("noah", False), ("b_l%", True), ('quo"te\\', True)]):
        user = factories.make_user(f"u{number}", is_active=active, groups=[kept] if number < 2 else [])
        User.objects.filter(pk=user.pk).update(name=name)
        if number != 1:
            DirectoryPerson.objects.create(
                user=user, user_name=f"{name}-login" if number else "", external_id=f"e-{number}", given_name=name
            )
    factories.make_user("bare")
    User.objects.filter(email__startswith="bare").update(name="")
    return [flat(resource_of(one)) for one in asking.people()]


def flat(resource: dict[str, Any]) -> dict[str, Any]:
    """What a naive reader of the RFC compares with."""
    return {
        "id": resource["id"],
        "userName": resource["userName"],
        "displayName": resource.get("displayName", ""),
        "externalId": resource.get("externalId", ""),
        "email": resource["emails"][0]["value"],
        "given": resource.get("name", {}).get("givenName", ""),
        "active": resource["active"],
        "groups": [one["value"] for one in resource.get("groups", [])],
    }


def texts() -> st.SearchStrategy[tuple[str, Any]]:
    """A comparison of text, and what it means."""

    def made(name: str, operator: str, word: str) -> tuple[str, Any]:
        exact = name == "externalId"

        def means(row: dict[str, Any]) -> bool:
            value = row[TEXTS[name]] if exact else row[TEXTS[name]].lower()
            wanted = word if exact else word.lower()
            return {
                "eq": value == wanted,
                "ne": value != wanted,
                "co": wanted in value,
                "sw": value.startswith(wanted),
                "ew": value.endswith(wanted),
            }[operator]

        return f"{name} {operator} {json.dumps(word)}", means

    return st.builds(
        made, st.sampled_from(list(TEXTS)), st.sampled_from(["eq", "ne", "co", "sw", "ew"]), st.sampled_from(WORDS)
    )


OTHERS: list[tuple[str, Any]] = [
    ("active eq true", lambda row: row["active"]),
    ('active ne "True"', lambda row: not row["active"]),
    ("externalId pr", lambda row: row["externalId"] != ""),
    ("externalId eq null", lambda row: row["externalId"] == ""),
    ("name.givenName ne null", lambda row: row["given"] != ""),
    ("groups pr", lambda row: bool(row["groups"])),
    ('emails[type eq "work" and value co "u1"]', lambda row: "u1" in row["email"]),
    ('emails[type eq "home"]', lambda row: False),
    ('emails[not (primary eq true)].value co "u"', lambda row: False),
    ('urn:ietf:params:scim:schemas:core:2.0:User:userName sw "u"', lambda row: row["userName"].startswith("u")),
    ('meta.created gt "2020-01-01T00:00:00Z"', lambda row: True),
    ('meta.lastModified lt "2020-01-01T00:00:00+02:00"', lambda row: False),
    ('id eq "nothing"', lambda row: False),
]


def joined(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    def both(a: tuple[str, Any], b: tuple[str, Any]) -> tuple[str, Any]:
        return f"({a[0]}) and ({b[0]})", lambda row: a[1](row) and b[1](row)

    def either(a: tuple[str, Any], b: tuple[str, Any]) -> tuple[str, Any]:
        return f"({a[0]}) OR ({b[0]})", lambda row: a[1](row) or b[1](row)

    def negated(a: tuple[str, Any]) -> tuple[str, Any]:
        return f"not ({a[0]})", lambda row: not a[1](row)

    return st.builds(both, inner, inner) | st.builds(either, inner, inner) | st.builds(negated, inner)


FILTERS = st.recursive(texts() | st.sampled_from(OTHERS), joined, max_leaves=6)
FITTING = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FITTING
@given(asked=FILTERS)
def test_what_is_found_is_what_the_words_say(rows: list[dict[str, Any]], asked: tuple[str, Any]) -> None:
    text, means = asked
    found = asking.people().filter(asking.condition(read_filter(text), USER_ATTRIBUTES))
    assert {str(pk) for pk in found.values_list("pk", flat=True)} == {row["id"] for row in rows if means(row)}, text


def words_of_filters() -> st.SearchStrategy[str]:
    """Text that is nearly a filter."""
    words = [
        "userName",
        "active",
        "eq",
        "ne",
        "pr",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        '"a"',
        "true",
        "5",
        "emails",
    ]
    words += ["emails", "meta.created", '"9999-12-31T23:59:59-14:00"', ".value", "id", "groups", "null"]
    words += ['"\\ud800"', '"\\u0000"']
    return st.lists(st.sampled_from(words), max_size=12).map(" ".join)


@FITTING
@given(text=st.text(max_size=60) | words_of_filters() | st.integers(1, 3000).map(lambda count: "(" * count))
def test_whatever_is_sent_is_read_or_refused(db: None, text: str) -> None:
    for read in (read_filter, read_path):
        try:
            found = read(text)
            if read is read_filter:
                with transaction.atomic():
                    list(asking.people().filter(asking.condition(found, USER_ATTRIBUTES)))  # type: ignore[arg-type]
        except ScimError as error:
            assert error.scim_type in ("invalidFilter", "invalidPath")


PRECEDENCE = 'active eq false or displayName eq "mia" and active eq false'


def test_and_binds_before_or(rows: list[dict[str, Any]]) -> None:
    found = asking.people().filter(asking.condition(read_filter(PRECEDENCE), USER_ATTRIBUTES))
    assert [one.name for one in found] == ["noah"]


@pytest.fixture
def directory(ada: User) -> Iterator[Provisioner]:
    yield Provisioner(ada)


@pytest.mark.parametrize(
    "text",
    [
        'password eq "x"',
        "userName eq",
        "userName eq 5",
        'userName gt "a"',
        'active co "t"',
        'id co "a"',
        'meta.created eq "yesterday"',
        'userName eq "a" userName',
        'userName eq "a\\',
        "userName eq “a”",
        'emails[emails[type eq "work"]]',
        "not userName pr",
        "a" * 2001,
        "(" * 500 + "active pr" + ")" * 500,
        'groups.display eq "a"',
        "userName__startswith pr",
    ],
)
def test_what_cannot_be_asked_is_said(directory: Provisioner, text: str) -> None:
    answer = directory.get("/Users", filter=text)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter"), answer.content


def test_members_are_asked_for_by_id(directory: Provisioner, alice: User, bob: User) -> None:
    made = directory.make_group("Lenses", str(alice.pk))
    assert directory.found("Groups", f'members.value eq "{alice.pk}"') == [made["id"]]
    assert directory.found("Groups", f'members[value eq "{bob.pk}"]') == []
    assert directory.found("Groups", f'members ne "{bob.pk}"') == [made["id"]]
    assert directory.found("Groups", f'not (members eq "{alice.pk}")') == []
    assert directory.found("Users", f'groups.value eq "{made["id"]}"') == [str(alice.pk)]
    assert Group.objects.count() == 2
