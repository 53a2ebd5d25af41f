"""The REST interface of conversations, and the OpenAI-compatible one, on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.serving import server

__all__ = ["server"]
pytestmark = pytest.mark.django_db(transaction=True)

ANSWER = "The answer is twenty-five days, as the handbook says."


@pytest.fixture
def alice_http(server, alice_key) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, headers={"Authorization": f"Bearer {alice_key}"}, timeout=20) as client:
        yield client


@pytest.fixture
def alice_openai(server, alice_key) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server}/v1", api_key=alice_key, max_retries=0)


def test_ask_read_events_and_the_message(alice_http, writer):
    slugs = [one["slug"] for one in alice_http.get("/api/v1/assistants").json()["items"]]
    assert "writer" in slugs
    conversation = alice_http.post("/api/v1/conversations", json={"assistant": "writer"})
    assert conversation.status_code == 201
    asked = alice_http.post(f"/api/v1/conversations/{conversation.json()['id']}/messages", json={"text": "How many?"})
    assert asked.status_code == 202
    events = alice_http.get(f"/api/v1/messages/{asked.json()['id']}/events").text
    numbers = [int(line[4:]) for line in events.splitlines() if line.startswith("id: ")]
    assert numbers == list(range(1, len(numbers) + 1))
    resumed = alice_http.get(f"/api/v1/messages/{asked.json()['id']}/events", headers={"Last-Event-ID": "3"}).text
    assert events.endswith(resumed) and "id: 4\n" in resumed and "id: 3\n" not in resumed
    for wrong in ("x", "-1", "\xb2", "9" * 5000):
        headers = {"Last-Event-ID": wrong.encode("latin-1")}
        assert alice_http.get(f"/api/v1/messages/{asked.json()['id']}/events", headers=headers).status_code == 422
    message = alice_http.get(f"/api/v1/messages/{asked.json()['id']}").json()
    assert (message["state"], message["text"]) == ("done", ANSWER)


def test_the_same_client_id_twice_is_one_answer(alice_http, writer):
    place = alice_http.post("/api/v1/conversations", json={}).json()["id"]
    body = {"text": "How many?", "client_id": "once"}
    first, second = (alice_http.post(f"/api/v1/conversations/{place}/messages", json=body).json() for _ in range(2))
    assert first == second


def test_an_outsider_gets_404_and_nobody_401(server, alice_http, charlie_key, writer):
    place = alice_http.post("/api/v1/conversations", json={}).json()["id"]
    url = f"{server}/api/v1/conversations/{place}/messages"
    outsider = httpx.post(url, json={"text": "Hi"}, headers={"Authorization": f"Bearer {charlie_key}"})
    assert (outsider.status_code, outsider.json()["error"]["code"]) == (404, "not_found")
    nobody = httpx.post(url, json={"text": "Hi"})
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "not_signed_in")


def test_bad_input_names_what_to_change(alice_http, writer):
    place = alice_http.post("/api/v1/conversations", json={}).json()["id"]
    for body in ({}, {"text": ""}, {"text": 5}, {"text": "a", "parent_id": "x"}, {"text": "x" * 20_001}):
        answer = alice_http.post(f"/api/v1/conversations/{place}/messages", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["message"]


def test_feedback_needs_a_finished_answer_and_the_last_word_counts(alice_http, writer):
    place = alice_http.post("/api/v1/conversations", json={}).json()["id"]
    asked = alice_http.post(f"/api/v1/conversations/{place}/messages", json={"text": "How many?"}).json()["id"]
    alice_http.get(f"/api/v1/messages/{asked}/events")
    assert alice_http.post(f"/api/v1/messages/{asked}/feedback", json={"value": 1}).status_code == 200
    assert alice_http.post(f"/api/v1/messages/{asked}/feedback", json={"value": -1}).status_code == 200
    assert alice_http.post(f"/api/v1/messages/{asked}/feedback", json={"value": 3}).status_code == 422


def test_openai_clients_see_assistants_as_models(alice_openai, writer):
    assert "writer" in [model.id for model in alice_openai.models.list()]
    answer = alice_openai.chat.completions.create(model="writer", messages=[{"role": "user", "content": "How many?"}])
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens > 0


def test_openai_clients_can_stream(alice_openai, writer, scripted_server):
    earlier = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]
    stream = alice_openai.chat.completions.create(
        model="writer",
        messages=[*earlier, {"role": "user", "content": "How many?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert chunks[-1].usage.completion_tokens > 0
    sent = [turn["content"] for turn in scripted_server.requests[-1].body["messages"]]
    assert sent[1:] == ["Hello", "Good day.", "How many?"]


@pytest.mark.parametrize("extra", [{"api_base": "http://evil"}, {"extra_headers": {}}, {"api_key": "x"}, {"n": 2}])
def test_a_caller_cannot_choose_what_is_upstream(alice_http, writer, scripted_server, extra):
    body = {"model": "writer", "messages": [{"role": "user", "content": "Hi"}]} | extra
    answer = alice_http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert scripted_server.requests == []


def test_an_assistant_one_may_not_use_is_not_found(alice_openai, writer):
    writer.is_for_everyone = False
    writer.save()
    with pytest.raises(openai.NotFoundError):
        alice_openai.chat.completions.create(model="writer", messages=[{"role": "user", "content": "Hi"}])


def test_openai_clients_are_told_when_nothing_could_be_written(alice_openai, writer, scripted_server):
    scripted_server.script("bad-request")
    question = {"model": "writer", "messages": [{"role": "user", "content": "How many?"}]}
    with pytest.raises(openai.InternalServerError) as failed:
        alice_openai.chat.completions.create(**question)
    assert (failed.value.status_code, failed.value.type) == (503, "server_error")
    with pytest.raises(openai.APIError, match="model"):
        list(alice_openai.chat.completions.create(**question, stream=True))
