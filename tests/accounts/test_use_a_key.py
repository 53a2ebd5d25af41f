"""API keys: shown once, acting as their person, ended at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, User
from accounts.programs.keys import MAX_KEYS, create_key, find_user_by_key, revoke_key
from app.errors import BadInputError, NotAllowedError, NotFoundError
from tests import factories
from tests.conftest import SignIn

GROUPS = "/api/v1/groups"


def test_a_key_acts_as_its_person(alice: User) -> None:
    key, secret = create_key(actor=alice, user=alice, name="  my   script ")
    assert find_user_by_key(secret) == alice
    assert key.name == "my script"
    assert secret not in (key.digest, key.hint)
    assert AuditEvent.objects.filter(action="key.create", object=f"apikey:{key.pk}", actor=str(alice.pk)).exists()


def test_a_revoked_key_is_dead_and_twice_is_once(alice: User) -> None:
    key, secret = create_key(actor=alice, user=alice, name="script")
    revoke_key(actor=alice, key=key)
    revoke_key(actor=alice, key=key)
    assert find_user_by_key(secret) is None
    assert AuditEvent.objects.filter(action="key.revoke", object=f"apikey:{key.pk}").count() == 1


@pytest.mark.parametrize("secret", ["", "parley_", "parley_wrong", "sk-other", "parley_" + "é" * 40])
def test_a_wrong_key_is_nobody(db: None, secret: str) -> None:
    assert find_user_by_key(secret) is None


def test_an_expired_key_and_one_of_a_suspended_person_are_dead(alice: User, sam: User) -> None:
    assert find_user_by_key(factories.make_key(alice, expires_at=timezone.now() - timedelta(seconds=1))) is None
    assert find_user_by_key(factories.make_key(sam)) is None


def test_use_is_noted_once_a_minute(alice: User, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    secret = factories.make_key(alice)
    with django_assert_num_queries(2):
        find_user_by_key(secret)
    with django_assert_num_queries(1):
        find_user_by_key(secret)
    assert ApiKey.objects.get(user=alice).last_used_at is not None


def test_another_cannot_make_or_end_ones_key(alice: User, bob: User, ada: User) -> None:
    with pytest.raises(NotAllowedError):
        create_key(actor=bob, user=alice, name="trick")
    key, _ = create_key(actor=ada, user=alice, name="from the administrator")
    with pytest.raises(NotFoundError):
        revoke_key(actor=bob, key=key)
    revoke_key(actor=ada, key=key)


def test_a_key_has_a_name_and_there_are_not_too_many(alice: User) -> None:
    for name in ("  ", "x" * 121):
        with pytest.raises(BadInputError):
            create_key(actor=alice, user=alice, name=name)
    for _ in range(MAX_KEYS):
        factories.make_key(alice)
    with pytest.raises(BadInputError, match="Revoke one"):
        create_key(actor=alice, user=alice, name="one more")


def test_a_program_calls_with_its_key(alice: User, with_key: SignIn) -> None:
    answer = with_key(alice).get(GROUPS)
    assert answer.status_code == 200
    assert [item["name"] for item in answer.json()["items"]] == ["Crew"]
    assert answer.json()["next"] is None


def test_an_administrator_sees_all_groups_and_an_outsider_none(
    crew: object, ada: User, charlie: User, with_key: SignIn
) -> None:
    assert len(with_key(ada).get(GROUPS).json()["items"]) == 1
    assert with_key(charlie).get(GROUPS).json()["items"] == []


@pytest.mark.parametrize("header", ["Bearer parley_wrong", "Bearer", "Basic YTpi", "parley_x", "bearer  "])
def test_a_wrong_key_is_refused_even_beside_a_session(alice: User, signed_in: SignIn, header: str) -> None:
    answer = signed_in(alice).get(GROUPS, headers={"Authorization": header})
    assert answer.status_code == 401
    assert set(answer.json()["error"]) == {"code", "message", "retry"}


def test_a_session_reads(alice: User, signed_in: SignIn) -> None:
    assert signed_in(alice).get(GROUPS).status_code == 200
    assert Client().get(GROUPS).status_code == 401


def test_a_session_changes_nothing_without_the_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    body = {"data": {}, "content_type": "application/json"}
    refused = client.post("/api/v1/conversations", **body)
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]["message"]
    assert refused.json()["error"]["code"] == "not_allowed"
    client.get("/account/keys/")
    token = client.cookies["csrftoken"].value
    factories.make_assistant()
    assert client.post("/api/v1/conversations", headers={"X-CSRFToken": token}, **body).status_code == 201
    bearer = {"Authorization": f"Bearer {factories.make_key(alice)}"}
    assert Client(enforce_csrf_checks=True).post("/api/v1/conversations", headers=bearer, **body).status_code == 201


def test_a_page_makes_shows_and_revokes_a_key(alice: User, bob: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    page = client.post("/account/keys/", {"name": "report script"})
    secret = page.context["secret"]
    assert secret in page.text
    key = ApiKey.objects.get(user=alice)
    again = client.get("/account/keys/")
    assert "report script" in again.text
    assert secret not in again.text
    assert "no-store" in page.headers["Cache-Control"]
    assert signed_in(bob).post(f"/account/keys/{key.pk}/revoke").status_code == 404
    assert client.post(f"/account/keys/{key.pk}/revoke").status_code == 302
    assert find_user_by_key(secret) is None
    assert client.post("/account/keys/", {"name": " "}).status_code == 422
