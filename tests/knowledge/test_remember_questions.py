"""The vectors of questions are kept, apart for readers who may read different sources, and never more than so many."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

import numpy as np
import pytest

from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from knowledge.index.question_vectors import QuestionVectors
from knowledge.models import IndexGeneration
from tests.inference.fixtures import scripted_server

__all__ = ["scripted_server"]

HERE, THERE = (uuid4(), uuid4()), (uuid4(),)


@pytest.fixture
def generation(db: None, scripted_server: ScriptedServer) -> IndexGeneration:
    """An index of a model on a server of its own, which counts what it is asked."""
    model = ensure_model(name="embedder", role="embed", query_prefix="query: ")
    register_worker(model_name="embedder", address=scripted_server.url)
    return IndexGeneration.objects.create(embedding_name="embedder", dimensions=8, model=model, is_serving=True)


def asked(server: ScriptedServer) -> int:
    return len(server.requests)


def test_the_same_question_is_embedded_once(generation: IndexGeneration, scripted_server: ScriptedServer) -> None:
    kept = QuestionVectors()
    first = kept.embed(generation, "How many days?", HERE)
    again = kept.embed(generation, "How many days?", HERE[::-1])
    assert asked(scripted_server) == 1
    assert np.array_equal(first, again)
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 1


@pytest.mark.parametrize(
    ("text", "allowed", "prefix"),
    [
        ("How many days??", HERE, "query: "),
        ("How many days?", THERE, "query: "),
        ("How many days?", (), "query: "),
        ("How many days?", HERE, "ask: "),
    ],
    ids=["other words", "other sources", "no source", "other prefix"],
)
def test_another_question_reader_or_prefix_is_embedded_anew(
    text: str, allowed: Sequence[UUID], prefix: str, generation: IndexGeneration, scripted_server: ScriptedServer
) -> None:
    kept = QuestionVectors()
    kept.embed(generation, "How many days?", HERE)
    assert generation.model
    generation.model.query_prefix = prefix
    generation.model.save()
    kept.embed(generation, text, allowed)
    assert asked(scripted_server) == 2


def test_another_index_is_asked_anew(generation: IndexGeneration, scripted_server: ScriptedServer) -> None:
    kept = QuestionVectors()
    kept.embed(generation, "How many days?", HERE)
    later = IndexGeneration.objects.create(
        embedding_name="embedder", dimensions=8, model=generation.model, state=IndexGeneration.State.BUILDING
    )
    kept.embed(later, "How many days?", HERE)
    assert asked(scripted_server) == 2


def test_the_oldest_go_when_there_are_too_many(generation: IndexGeneration, scripted_server: ScriptedServer) -> None:
    kept = QuestionVectors(most=2)
    for text in ("one", "two", "one", "three"):
        kept.embed(generation, text, HERE)
    assert len(kept) == 2
    assert asked(scripted_server) == 3
    kept.embed(generation, "one", HERE)
    assert asked(scripted_server) == 3
    kept.embed(generation, "two", HERE)
    assert asked(scripted_server) == 4
