"""Keys with fewer rights than their person: which, for how long, with another secret, and seen by administrators."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, AuditEvent, Group, User
from accounts.programs import failures
from accounts.programs.keys import Terms, create_key, end_previous_secret, find_user_by_key, revoke_key, rotate_key
from accounts.programs.oauth.tokens import CLIENT, new_secret
from app.errors import BadInputError, NotFoundError
from tests import factories
from tests.conftest import SignIn
from tests.recorded import recorded

KEYS = "/api/v1/keys"


def calling(secret: str, address: str = "203.0.113.77") -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"}, REMOTE_ADDR=address)


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(path, body, content_type="application/json")


def test_a_key_has_the_rights_it_was_given_and_no_more(olivia: User) -> None:
    terms = Terms(capabilities=["chat.ask"], days=7)
    key, secret = create_key(actor=olivia, user=olivia, name="script", terms=terms)
    assert key.expires_at is not None
    assert timedelta(days=6) < key.expires_at - timezone.now() <= timedelta(days=7)
    client = calling(secret)
    assert client.get("/api/v1/assistants").status_code == 200
    refused = post(client, "/api/v1/sources", name="New", kind="upload", groups=[])
    assert refused.status_code == 403
    said = refused.json()["error"]
    assert said["code"] == "out_of_scope"
    assert "knowledge.create_source" in said["message"]
    assert AuditEvent.objects.filter(action="key.use", outcome="denied", payload__key=str(key.pk)).exists()
    assert client.get("/v1/models").status_code == 200
    embedding = post(client, "/v1/embeddings", input="x")
    assert (embedding.status_code, embedding.json()["error"]["code"]) == (403, "out_of_scope")
    # Ways to more access are closed, also to those that it may do anything else with.
    wide = Terms(capabilities=["chat.ask", "knowledge.search", "knowledge.create_source", "knowledge.edit_source"])
    _, other = create_key(actor=olivia, user=olivia, name="wide", terms=wide)
    assert post(calling(other), KEYS, name="more", everything=True).status_code == 403


def test_a_right_of_a_role_made_here_can_be_given_to_a_key(alice: User) -> None:
    with pytest.raises(BadInputError, match=r"usage\.read"):
        create_key(actor=alice, user=alice, name="sums", terms=Terms(capabilities=["usage.read"]))
    role = factories.make_role(capabilities=["usage.read"])
    User.objects.filter(pk=alice.pk).update(roles=["employee", role.slug])
    alice.refresh_from_db()
    _, secret = create_key(actor=alice, user=alice, name="sums", terms=Terms(capabilities=["usage.read"]))
    assert calling(secret).get("/api/v1/usage").status_code == 200


def test_a_key_is_limited_to_assistants(alice: User, crew: Group) -> None:
    one, two = factories.make_assistant(slug="one"), factories.make_assistant(slug="two")
    closed = factories.make_assistant(slug="closed", groups=[factories.make_group("Others")])
    terms = Terms(capabilities=["chat.ask"], assistants=[one.pk])
    _, secret = create_key(actor=alice, user=alice, name="script", terms=terms)
    mine = factories.make_conversation(owner=alice, assistant=one)
    other = factories.make_conversation(owner=alice, assistant=two)
    answers = [factories.make_answer(conversation=each) for each in (mine, other)]
    files = [factories.make_file(owner=alice, conversation=each) for each in (mine, other)]
    shares = [factories.make_share(conversation=each) for each in (mine, other)]
    client = calling(secret)
    assert [each["slug"] for each in client.get("/api/v1/assistants").json()["items"]] == ["one"]
    assert [each["id"] for each in client.get("/v1/models").json()["data"]] == ["one"]
    for path, rows in (("messages", answers), ("files", files), ("shares", shares)):
        seen = [client.get(f"/api/v1/{path}/{row.pk}").status_code for row in rows]
        assert seen == [200, 404], path
    asked = [
        post(client, f"/api/v1/conversations/{each.pk}/messages", text="Hello?").status_code for each in (mine, other)
    ]
    assert asked == [202, 404]
    begun = [post(client, "/api/v1/conversations", assistant=each.slug).status_code for each in (one, two)]
    assert begun == [201, 404]
    assert post(client, "/api/v1/conversations").status_code == 201
    body = {"model": "two", "messages": [{"role": "user", "content": "Hello?"}]}
    assert post(client, "/v1/chat/completions", **body).status_code == 404
    with pytest.raises(BadInputError):
        create_key(actor=alice, user=alice, name="trick", terms=Terms(assistants=[closed.pk]))


@pytest.mark.parametrize(
    "terms",
    [
        Terms(capabilities=["audit.read"]),
        Terms(capabilities=[]),
        Terms(capabilities=["everything"]),
        Terms(days=0),
        Terms(days=366),
        Terms(assistants=[]),
    ],
)
def test_a_key_never_has_what_its_person_has_not_nor_lasts_too_long(terms: Terms, alice: User) -> None:
    with pytest.raises(BadInputError):
        create_key(actor=alice, user=alice, name="script", terms=terms)


def test_a_new_key_may_ask_and_search_unless_told_otherwise(ada: User, with_key: SignIn) -> None:
    client = with_key(ada)
    usual = post(client, KEYS, name="usual").json()
    assert usual["capabilities"] == ["chat.ask", "knowledge.search"]
    assert usual["secret"].startswith("parley_")
    assert post(client, KEYS, name="all", everything=True, expires_in_days=7).json()["capabilities"] is None
    assert post(client, KEYS, name="some", capabilities=["usage.read"]).json()["capabilities"] == ["usage.read"]
    assert post(client, KEYS, name="some", capabilities=["audit.read"]).status_code == 422
    assert calling(usual["secret"]).get("/api/v1/pool").status_code == 403
    assert "secret" not in client.get(KEYS).json()["items"][0]


def test_another_secret_and_the_one_before_works_on(alice: User) -> None:
    key, first = create_key(actor=alice, user=alice, name="script", terms=Terms(days=30))
    factories.make_limit(subject="key", subject_id=key.pk, subject_name="script")
    second = rotate_key(actor=alice, key=key, overlap_hours=24)
    for secret in (first, second):
        user = find_user_by_key(secret, address="203.0.113.77")
        assert user == alice
        assert user.key_id == key.pk
    assert key.previous_hint == first[:12]
    key.refresh_from_db()
    assert (key.last_used_from, key.previous_used_at is not None) == ("203.0.113.0/24", True)
    third = rotate_key(actor=alice, key=key, overlap_hours=1)
    assert find_user_by_key(first) is None
    end_previous_secret(actor=alice, key=key)
    end_previous_secret(actor=alice, key=key)
    assert find_user_by_key(second) is None
    fourth = rotate_key(actor=alice, key=key, overlap_hours=0)
    assert find_user_by_key(third) is None
    fifth = rotate_key(actor=alice, key=key, overlap_hours=72)
    ApiKey.objects.update(previous_until=timezone.now())
    assert find_user_by_key(fourth) is None
    assert find_user_by_key(fifth) == alice
    assert recorded(action="key.rotate").count() == 4
    revoke_key(actor=alice, key=key)
    assert find_user_by_key(fifth) is None
    with pytest.raises(BadInputError, match="ended"):
        rotate_key(actor=alice, key=key, overlap_hours=24)


def test_a_rotated_key_lasts_as_long_again(alice: User) -> None:
    made = timezone.now() - timedelta(days=29)
    factories.make_key(alice, created_at=made, expires_at=made + timedelta(days=30))
    key = ApiKey.objects.get()
    rotate_key(actor=alice, key=key, overlap_hours=24)
    assert key.expires_at is not None
    assert key.expires_at - timezone.now() > timedelta(days=29)


def test_another_cannot_rotate_ones_key(alice: User, bob: User, ada: User) -> None:
    key, _ = create_key(actor=alice, user=alice, name="script")
    for other in (bob, ada):
        with pytest.raises(NotFoundError):
            rotate_key(actor=other, key=key, overlap_hours=24)
        with pytest.raises(NotFoundError):
            end_previous_secret(actor=other, key=key)
    with pytest.raises(BadInputError):
        rotate_key(actor=alice, key=key, overlap_hours=5)


def test_the_pages_say_what_a_key_may_and_how_it_stands(alice: User, ada: User, signed_in: SignIn) -> None:
    client = signed_in(alice)
    form = {"name": "nightly", "reach": "some", "capabilities": ["chat.ask"], "days": "30"}
    page = client.post("/account/keys/", form)
    key = ApiKey.objects.get()
    assert key.capabilities == ["chat.ask"]
    assert page.context["secret"] in page.text
    factories.make_limit(subject="key", subject_id=key.pk, subject_name="nightly", amount=7)
    turned = client.post(f"/account/keys/{key.pk}/rotate", {"overlap_hours": "24"})
    assert turned.context["secret"] in turned.text
    assert "works until" in turned.text
    for text in (turned.text, signed_in(ada).get("/operations/programs/keys/").text):
        assert "Ask assistants" in text
        assert "7 questions a day" in text
        assert "nightly" in text
    for bad in ({"overlap_hours": "no"}, {"overlap_hours": "5"}, {}):
        assert client.post(f"/account/keys/{key.pk}/rotate", bad).status_code == 422
    assert client.post("/account/keys/", form | {"capabilities": []}).status_code == 422
    assert client.post("/account/keys/", form | {"capabilities": ["audit.read"]}).status_code == 422
    assert signed_in(ada).post(f"/operations/programs/keys/{key.pk}/revoke").status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_wrong_keys_are_refused_sooner_and_good_ones_beside_them_never(alice: User, settings: Any) -> None:
    settings.KEY_FAILURES = 5
    good, address = factories.make_key(alice), "198.51.100.23"
    wrong = [ApiKey.new_secret() for _ in range(7)]
    seen = [calling(one, address).get("/api/v1/groups") for one in wrong]
    assert [one.status_code for one in seen] == [401] * 5 + [429] * 2
    assert seen[-1].json()["error"]["code"] == "too_many_failures"
    assert 1 <= int(seen[-1].headers["Retry-After"]) <= 60
    assert calling(good, address).get("/api/v1/groups").status_code == 200
    assert calling(wrong[0], "192.0.2.9").get("/api/v1/groups").status_code == 401


def test_what_is_unknown_costs_no_more_than_one_look(alice: User, django_assert_num_queries: Any) -> None:
    unknown = ApiKey.new_secret()
    with django_assert_num_queries(2):
        assert find_user_by_key(unknown) is None
    with django_assert_num_queries(0):
        assert find_user_by_key(unknown) is None
        for odd in ("parley_wrong", "parley_" + "é" * 43, "x" * 43, "parley-at-" + "é" * 43):
            assert calling(odd, "192.0.2.10").get("/api/v1/groups").status_code == 401
    assert failures.network_of("2001:db8:1:2::3") == "2001:db8:1::/48"
    assert failures.network_of("") == failures.network_of("unix:") == ""


def test_no_secret_is_written_to_the_log(ada: User, caplog: pytest.LogCaptureFixture) -> None:
    secret, shared = factories.make_key(ada), new_secret(CLIENT)
    account = factories.make_user("robot", is_service=True)
    program = factories.make_program(owner=ada, secret=shared, grants=["client_credentials"], account=account)
    unknown = ApiKey.new_secret()
    with caplog.at_level(logging.DEBUG):
        told = [calling(one).get("/api/v1/groups").status_code for one in (secret, unknown)]
        body = {"grant_type": "client_credentials", "client_id": str(program.pk), "client_secret": shared}
        token = Client().post("/oauth/token", body, secure=True).json()["access_token"]
        wrong = Client().post("/oauth/token", body | {"client_secret": unknown}, secure=True)
        used = calling(token).get("/api/v1/assistants").status_code
        logging.getLogger("accounts").debug("the log is on")
    assert (told, wrong.status_code, used) == ([200, 401], 401, 200)
    assert "the log is on" in caplog.text
    for one in (secret, shared, unknown, token):
        assert one not in caplog.text
        assert one[12:] not in caplog.text
