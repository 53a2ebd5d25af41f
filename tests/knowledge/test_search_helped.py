"""Searches with a reranker and a rewording model, where they are set up; and without, when they fail."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from accounts.models import User
from app.inference.models import Role
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from knowledge.models import Source
from knowledge.retrieval import look, search
from tests.inference.fixtures import scripted_server
from tests.knowledge.conftest import Publish

__all__ = ["scripted_server"]

QUESTION = "How many days of annual leave do I have?"
SABBATICAL = "# Sabbatical\n\nEmployees may interrupt their service for up to six months."


@pytest.fixture
def pages(handbook: Source, publish: Publish) -> None:
    publish(handbook)
    publish(handbook, "sabbatical.md", SABBATICAL)


@pytest.fixture
def judge(scripted_server: ScriptedServer) -> ScriptedServer:
    """A reranker that thinks most of sabbaticals."""

    def ranks(body: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"index": index, "relevance_score": float("interrupt" in text)}
            for index, text in enumerate(body["documents"])
        ]

    scripted_server.ranks = ranks  # type: ignore[method-assign]
    ensure_model(name="judge", role=Role.RERANK)
    register_worker(model_name="judge", address=scripted_server.url)
    return scripted_server


@pytest.fixture
def rewording(scripted_server: ScriptedServer) -> ScriptedServer:
    ensure_model(name="small", role=Role.EXPAND)
    register_worker(model_name="small", address=scripted_server.url)
    scripted_server.script(tokens=[orjson.dumps(["interrupt service for months"]).decode()])
    return scripted_server


def test_a_reranker_has_the_last_word(alice: User, pages: None, judge: ScriptedServer) -> None:
    done = look(user=alice, query=QUESTION)
    assert done.found[0].document_title == "Sabbatical"
    first = done.choice.results[0].best
    assert (first.reranked, first.place) == (1.0, 3)


def test_a_reranker_reads_where_a_passage_stands(alice: User, pages: None, judge: ScriptedServer) -> None:
    search(user=alice, query=QUESTION)
    (asked,) = judge.requests
    assert any(
        text.startswith("Annual leave – Annual leave – Carrying days over\n") for text in asked.body["documents"]
    )


def test_a_reranker_that_fails_leaves_the_order(alice: User, pages: None, judge: ScriptedServer) -> None:
    judge.script("broken")
    assert search(user=alice, query=QUESTION)[0].document_title == "Annual leave"


def test_other_wordings_bring_up_more(alice: User, pages: None, rewording: ScriptedServer) -> None:
    query = "Can I take time off?"
    done = look(user=alice, query=query)
    assert done.wordings == ["interrupt service for months"]
    by_title = {one.document_title: one.score for one in done.found}
    rewording.script("broken")
    alone = {one.document_title: one.score for one in look(user=alice, query=query).found}
    assert by_title["Sabbatical"] > alone["Sabbatical"]


def test_other_wordings_never_bring_up_what_one_may_not_read(
    charlie: User, pages: None, rewording: ScriptedServer
) -> None:
    assert search(user=charlie, query="Can I take time off?") == []
