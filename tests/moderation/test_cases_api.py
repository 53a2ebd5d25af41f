"""The review queue for programs."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from moderation.models import Case
from moderation.review.cases import claim_case, decide_case
from tests.conftest import SignIn
from tests.moderation.conftest import OpenCase

JSON = "application/json"


def test_cases_are_listed_by_due_time_and_paged(open_one: OpenCase, dana: User, with_key: SignIn) -> None:
    for minutes in (30, 10, 20):
        open_one(question=f"In {minutes}?", due_minutes=minutes)
    client, asked, cursor = with_key(dana), [], ""
    for _ in range(3):
        page = client.get(f"/api/v1/cases?state=open&limit=1&cursor={cursor}").json()
        asked += [item["question"] for item in page["items"]]
        cursor = page["next"]
    assert (asked, cursor) == (["In 10?", "In 20?", "In 30?"], None)


def test_states_choose_and_the_default_is_what_waits(open_one: OpenCase, dana: User, with_key: SignIn) -> None:
    open_one()
    claimed, final = claim_case(dana, case_id=open_one().pk), claim_case(dana, case_id=open_one().pk)
    decide_case(dana, case_id=final.pk, action="reject", reason="Private.", fence=1)
    client = with_key(dana)

    def ids(query: str) -> list[str]:
        return [item["id"] for item in client.get(f"/api/v1/cases{query}").json()["items"]]

    assert len(ids("")) == 2
    assert ids("?state=claimed") == [str(claimed.pk)]
    assert ids("?state=final") == [str(final.pk)]
    assert client.get("/api/v1/cases?state=everything").status_code == 422
    assert client.get("/api/v1/cases?cursor=nonsense").status_code == 422


def test_a_case_is_claimed_and_decided(case: Case, dana: User, with_key: SignIn) -> None:
    client, path = with_key(dana), f"/api/v1/cases/{case.pk}"
    claimed = client.post(f"{path}/claim").json()
    assert (claimed["state"], claimed["fence"], claimed["reviewer"]["name"]) == ("claimed", 1, "Dana")
    body = {"action": "edit", "reason": "", "text": "Ask the People team.", "fence": claimed["fence"]}
    decided = client.post(f"{path}/decide", body, content_type=JSON)
    assert decided.status_code == 200, decided.content
    assert decided.json()["state"] == "final"
    assert decided.json()["decisions"][0]["text"] == "Ask the People team."
    assert client.get(path).json() == decided.json()


def test_a_case_is_given_back(case: Case, dana: User, with_key: SignIn) -> None:
    client, path = with_key(dana), f"/api/v1/cases/{case.pk}"
    client.post(f"{path}/claim")
    assert client.generic("POST", f"{path}/release").json()["state"] == "open"
    assert client.post(f"{path}/release", {"fence": 1}, content_type=JSON).status_code == 409


def test_a_stale_fence_is_answered_with_the_newer_state(case: Case, dana: User, erin: User, with_key: SignIn) -> None:
    claim_case(erin, case_id=case.pk)
    body = {"action": "approve", "reason": "", "fence": 0}
    answer = with_key(dana).post(f"/api/v1/cases/{case.pk}/decide", body, content_type=JSON)
    error: dict[str, Any] = answer.json()["error"]
    assert answer.status_code == 409
    assert (error["code"], error["retry"]) == ("conflict", False)
    assert (error["current"]["state"], error["current"]["fence"]) == ("claimed", 1)
    assert error["current"]["reviewer"] == "Erin"


def test_bad_input_is_named(case: Case, dana: User, with_key: SignIn) -> None:
    client, path = with_key(dana), f"/api/v1/cases/{case.pk}/decide"
    claim_case(dana, case_id=case.pk)
    for body in (
        {"action": "reject", "reason": "", "fence": 1},
        {"action": "edit", "reason": "", "fence": 1},
        {"action": "burn", "reason": "x", "fence": 1},
        {"action": "approve", "reason": "x"},
        {"action": "approve", "reason": "x", "fence": 2**70},
    ):
        assert client.post(path, body, content_type=JSON).status_code == 422, body
    case.refresh_from_db()
    assert case.state == "claimed"


def test_who_asked_is_not_told(case: Case, alice: User, dana: User, with_key: SignIn) -> None:
    text = with_key(dana).get(f"/api/v1/cases/{case.pk}").content.decode()
    assert alice.email not in text
    assert str(alice.pk) not in text


def test_outsiders_get_404_and_no_list(case: Case, alice: User, charlie: User, ada: User, with_key: SignIn) -> None:
    for outsider in (alice, charlie, ada):
        client = with_key(outsider)
        assert client.get("/api/v1/cases").status_code == 403
        path = f"/api/v1/cases/{case.pk}"
        assert client.get(path).status_code == 404
        body = {"action": "approve", "reason": "", "fence": 0}
        for deed in ("claim", "release", "decide"):
            assert client.post(f"{path}/{deed}", body, content_type=JSON).status_code == 404, deed
    assert with_key(None).get("/api/v1/cases").status_code == 401
