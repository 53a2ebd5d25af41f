"""Asking a reranker on the side of a search: it helps in time, or not at all."""

import pytest

from app.inference.asides.reranking import rerank
from app.inference.models import Role
from app.inference.registry import ensure_model, register_worker
from app.inference.routing import workers
from app.inference.scripted_server import ScriptedServer
from tests.inference.fixtures import StartServer

pytestmark = pytest.mark.django_db

TEXTS = ["Pay is on the 25th.", "You have 27 days of leave.", "Annual leave carries over."]


def connect(server: ScriptedServer, **fields: str) -> None:
    ensure_model(name="judge", role=Role.RERANK, upstream_name="org/judge")
    register_worker(model_name="judge", address=server.url, **fields)  # type: ignore[arg-type]


def test_every_text_gets_its_score_in_the_order_of_the_texts(scripted_server: ScriptedServer) -> None:
    connect(scripted_server, api_key="sk-secret")
    scores = rerank("days of annual leave", TEXTS)
    assert scores is not None
    assert scores[1] > scores[2] > scores[0]
    (asked,) = scripted_server.requests
    assert asked.body == {"model": "org/judge", "query": "days of annual leave", "documents": TEXTS}
    assert asked.headers["Authorization"] == "Bearer sk-secret"


def test_without_a_reranker_there_is_no_opinion_and_no_statement_for_each_search(
    django_assert_num_queries: object,
) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert [rerank("leave", TEXTS) for _ in range(10)] == [None] * 10


def test_nothing_to_order_asks_nobody(scripted_server: ScriptedServer) -> None:
    connect(scripted_server)
    assert rerank("leave", []) == []
    assert scripted_server.requests == []


@pytest.mark.parametrize("what", ["broken", "busy", "wrong-type", "redirect", "not-found", "die", "odd-json"])
def test_a_server_that_fails_is_no_error(scripted_server: ScriptedServer, what: str) -> None:
    connect(scripted_server)
    scripted_server.script(what)
    assert rerank("leave", TEXTS, seconds=0.5) is None


@pytest.mark.parametrize("what", ["hang", "pretend", "trickle", "endless"])
def test_a_search_waits_no_longer_than_the_deadline(scripted_server: ScriptedServer, what: str) -> None:
    connect(scripted_server)
    scripted_server.script(what, tokens=["word "] * 100, pace=0.05)
    assert rerank("leave", TEXTS, seconds=0.3) is None
    assert scripted_server.wait_for(lambda: all(one.tokens_said < 100 for one in scripted_server.requests))


def test_a_server_that_keeps_failing_is_left_alone(scripted_server: ScriptedServer) -> None:
    connect(scripted_server)
    scripted_server.script("broken")
    for _ in range(6):
        assert rerank("leave", TEXTS) is None
    assert len(scripted_server.requests) == 3


def test_one_answer_in_between_makes_a_server_trusted_again(scripted_server: ScriptedServer) -> None:
    connect(scripted_server)
    for what in ("broken", "broken", "say", "broken", "broken", "say"):
        scripted_server.then(what)
    assert [rerank("leave", TEXTS) is None for _ in range(6)] == [True, True, False, True, True, False]


@pytest.mark.parametrize("what", ["broken", "hang"])
def test_the_next_server_helps_when_one_does_not(
    scripted_server: ScriptedServer, more_servers: StartServer, what: str
) -> None:
    connect(scripted_server)
    connect(more_servers())
    scripted_server.script(what)
    assert rerank("leave", TEXTS) is not None


def test_scores_that_do_not_fit_the_texts_are_not_believed(scripted_server: ScriptedServer) -> None:
    connect(scripted_server)
    scripted_server.ranks = lambda _body: [{"index": 0, "relevance_score": 1.0}]
    assert rerank("leave", TEXTS) is None
    scripted_server.ranks = lambda body: [
        {"index": index, "relevance_score": "high"} for index in range(len(body["documents"]))
    ]
    assert rerank("leave", TEXTS) is None


def test_a_model_of_another_role_is_not_asked(scripted_server: ScriptedServer) -> None:
    ensure_model(name="embedder", role=Role.EMBED)
    register_worker(model_name="embedder", address=scripted_server.url)
    workers.forget()
    assert rerank("leave", TEXTS) is None
    assert scripted_server.requests == []
