"""Searching where there is much to search: by the approximate index, with the commonest words left out of seeking."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from accounts.models import User
from knowledge.index import vector_index
from knowledge.index.generations import embed_query, serving_generation
from knowledge.index.indexing import as_text
from knowledge.ingestion import restore_document, withdraw_document
from knowledge.models import Embedding, IndexGeneration, Passage, Source
from knowledge.retrieval.candidates import Candidate, Vector, candidates, near_count
from knowledge.retrieval.reach import choose_words, survey
from tests import factories
from tests.knowledge.conftest import Publish

QUESTION = "How many days of annual leave can be carried over?"


@pytest.fixture
def generation(handbook: Source, publish: Publish) -> Iterator[IndexGeneration]:
    publish(handbook)
    serving = serving_generation()
    connection.check_constraints()  # an index waits for the checks of rows that the same transaction wrote
    assert vector_index.ensure(serving)
    yield serving
    vector_index.drop(serving)


def found_by(user: User, generation: IndexGeneration, *, by_index: bool) -> list[Candidate]:
    reach = survey(user, QUESTION, (), generation.pk)
    if reach is None:
        return []
    vector = Vector(generation.pk, generation.dimensions, as_text(embed_query(generation, QUESTION)))
    return candidates(reach, vector, by_index=by_index)


def test_the_application_makes_and_drops_an_index_it_does_not_own(generation: IndexGeneration) -> None:
    assert vector_index.exists(generation.pk)
    assert vector_index.ensure(generation)
    assert vector_index.drop(generation)
    assert not vector_index.exists(generation.pk)
    assert vector_index.ensure(generation)


def test_no_index_is_made_for_a_generation_that_is_not_there(generation: IndexGeneration) -> None:
    assert not vector_index.ensure(IndexGeneration(pk=999_999))


def test_few_vectors_are_not_worth_an_index(generation: IndexGeneration) -> None:
    vector_index.tend(generation)
    assert not vector_index.exists(generation.pk)


def test_the_index_finds_what_comparing_all_finds(alice: User, generation: IndexGeneration) -> None:
    exactly = found_by(alice, generation, by_index=False)
    by_index = found_by(alice, generation, by_index=True)
    assert exactly
    assert {one.passage_id: one.score for one in by_index} == {one.passage_id: one.score for one in exactly}


def test_the_planner_is_left_as_it_was(alice: User, generation: IndexGeneration) -> None:
    found_by(alice, generation, by_index=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('enable_sort')")
        assert cursor.fetchone() == ("on",)


@pytest.mark.parametrize("by_index", [False, True])
def test_rights_hold_either_way(
    charlie: User, sam: User, olivia: User, generation: IndexGeneration, by_index: bool
) -> None:
    open_to_all = factories.make_source(owner=olivia, name="Open", is_for_everyone=True)
    assert found_by(charlie, generation, by_index=by_index) == []
    assert found_by(sam, generation, by_index=by_index) == []
    assert {one.source_id for one in found_by(olivia, generation, by_index=by_index)} != {open_to_all.pk}


@pytest.mark.parametrize("by_index", [False, True])
def test_a_disabled_passage_is_not_found(alice: User, generation: IndexGeneration, by_index: bool) -> None:
    before = {one.passage_id for one in found_by(alice, generation, by_index=by_index)}
    gone = Passage.objects.order_by("pk").first()
    assert gone is not None and gone.pk in before
    Passage.objects.filter(pk=gone.pk).update(disabled_at=gone.version.published_at)
    assert {one.passage_id for one in found_by(alice, generation, by_index=by_index)} == before - {gone.pk}


@pytest.mark.parametrize("by_index", [False, True])
def test_vectors_follow_their_version_out_of_force_and_back(
    alice: User, olivia: User, handbook: Source, generation: IndexGeneration, by_index: bool
) -> None:
    document = handbook.documents.get()
    assert set(Embedding.objects.values_list("source_id", "is_found")) == {(handbook.pk, True)}
    withdraw_document(actor=olivia, document=document)
    assert set(Embedding.objects.values_list("is_found", flat=True)) == {False}
    assert found_by(alice, generation, by_index=by_index) == []
    restore_document(actor=olivia, document=document)
    assert found_by(alice, generation, by_index=by_index)


def test_the_fewer_one_may_read_the_fewer_the_index_is_asked_for() -> None:
    assert [near_count(share) for share in (0.01, 0.1, 0.2, 0.5, 1.0)] == [24, 24, 40, 60, 60]


def test_all_words_seek_where_there_is_little() -> None:
    words = choose_words(["leave", "carri"], {"leave": 0.5}, 100)
    assert [word.seeks for word in words] == [("leave",), ("carri",)]


def test_a_common_word_does_not_seek_beside_a_rare_one() -> None:
    words = choose_words(["leave", "carri"], {"leave": 0.5}, 100_000)
    assert [(word.text, word.seeks, word.share) for word in words] == [("leave", (), 0.5), ("carri", ("carri",), 0.0)]


def test_common_words_alone_seek_together() -> None:
    common = {"leave": 0.1, "day": 0.2, "year": 0.3}
    words = choose_words(["year", "leave", "day"], common, 100_000)
    assert [word.seeks for word in words] == [(), ("leave", "day"), ("leave", "day")]


def test_words_that_only_count_still_count(alice: User, generation: IndexGeneration) -> None:
    reach = survey(alice, "annual leave", (), generation.pk)
    assert reach is not None
    vector = Vector(generation.pk, generation.dimensions, as_text(embed_query(generation, "annual leave")))
    held = {one.held for one in candidates(reach, vector)}
    assert max(held) == pytest.approx(1.0)
