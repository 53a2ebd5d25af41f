"""Changing the embedding model: another index is built beside the one that serves, swapped in, swapped back, given up.

The other model is a server that speaks real HTTP and makes vectors of another length.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone

from accounts.models import AuditEvent, User
from app.errors import BadInputError, ConflictError, NotAllowedError, UnavailableError
from app.inference.models import Model, Role
from app.inference.registry import ensure_model, register_worker
from app.inference.routing import workers
from app.inference.scripted_server import ScriptedServer
from knowledge.errors import IndexMismatchError, NotReadyError
from knowledge.index import building, vector_index
from knowledge.index.building import build, clear, lacks_vectors, waiting
from knowledge.index.generations import embed_passages, serving_generation
from knowledge.index.indexing import Embedded
from knowledge.index.rebuilding import remove_generation, retry_generation, serve_generation, start_generation
from knowledge.models import Document, Embedding, IndexGeneration, Passage, Source
from knowledge.publication.processing import process_document
from knowledge.retrieval import search
from knowledge.tasks import tend_generations
from tests import factories
from tests.inference.fixtures import scripted_server
from tests.knowledge.conftest import Publish
from tests.knowledge.indexing import MEALS, best, built, finish, lapse, other, published

__all__ = ["other", "published", "scripted_server"]
pytestmark = pytest.mark.django_db

State = IndexGeneration.State


def test_another_model_is_built_beside_and_swapped_in(ada: User, alice: User, other: Model, published: Source) -> None:
    before = serving_generation()
    generation = built(ada, other)
    assert (generation.state, generation.embedding_name, generation.dimensions) == (State.READY, "other", 24)
    assert generation.embeddings.count() == Passage.objects.count() == before.embeddings.count()
    assert serving_generation() == before
    serve_generation(actor=ada, generation=generation)
    assert serving_generation() == generation
    before.refresh_from_db()
    assert before.state == State.READY
    assert best(alice, "when are salaries paid each month") == "Pay"
    deeds = AuditEvent.objects.filter(action__startswith="index.", actor=str(ada.pk)).order_by("at")
    assert list(deeds.values_list("action", flat=True)) == ["index.build", "index.serve"]


def test_swapping_back_takes_what_was_published_since(
    ada: User, alice: User, other: Model, published: Source, publish: Publish
) -> None:
    before = serving_generation()
    serve_generation(actor=ada, generation=built(ada, other))
    publish(published, "meals.md", MEALS)
    assert lacks_vectors(before)
    serve_generation(actor=ada, generation=before)
    assert serving_generation() == before
    assert not lacks_vectors(before)
    assert best(alice, "where can I eat at midday") == "Meals"


def test_what_is_published_while_it_is_built_is_in_it(
    ada: User, alice: User, other: Model, published: Source, publish: Publish
) -> None:
    generation = start_generation(actor=ada, model=other)
    again = build(generation.pk, seconds=0)
    assert again
    publish(published, "meals.md", MEALS)
    while again:
        again = build(generation.pk, again.fence)
    serve_generation(actor=ada, generation=generation)
    assert best(alice, "the canteen serves lunch") == "Meals"


def test_a_document_embedded_before_the_swap_is_published_after_it_with_the_right_vectors(
    ada: User, alice: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch, publish: Publish
) -> None:
    from knowledge.publication import processing

    generation = built(ada, other)

    def swap_meanwhile(held: IndexGeneration, texts: list[str]) -> object:
        vectors = embed_passages(held, texts)
        if serving_generation() != generation:
            serve_generation(actor=ada, generation=generation)
        return vectors

    monkeypatch.setattr(processing, "embed_passages", swap_meanwhile)
    document = publish(published, "meals.md", MEALS)
    assert document.state == Document.State.QUEUED
    Document.objects.filter(pk=document.pk).update(lease_until=None)
    outcome = process_document(document.pk)
    assert outcome and outcome.state == Document.State.PUBLISHED
    assert not lacks_vectors(generation)
    assert best(alice, "the canteen serves lunch") == "Meals"


def test_an_index_that_lacks_too_much_does_not_serve_yet(
    ada: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from knowledge.index import rebuilding

    generation = built(ada, other)
    factories.make_document(source=published, title="Many", paragraphs=[f"Number {n}" for n in range(400)])
    monkeypatch.setattr(rebuilding, "FILL_SECONDS", 0)
    monkeypatch.setattr(building, "BATCH", 10)
    with pytest.raises(NotReadyError, match="swap again in a moment"):
        serve_generation(actor=ada, generation=generation)
    assert serving_generation() != generation


def test_a_model_that_does_not_answer_is_not_swapped_in(
    ada: User, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    generation = built(ada, other)
    scripted_server.script("broken")
    with pytest.raises(UnavailableError):
        serve_generation(actor=ada, generation=generation)
    assert serving_generation() != generation


def test_a_model_that_makes_other_vectors_by_now_is_not_swapped_in(
    ada: User, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    generation = built(ada, other)
    scripted_server.dimensions = 16
    with pytest.raises(IndexMismatchError, match="vectors of 16 numbers now; those of the index have 24"):
        serve_generation(actor=ada, generation=generation)


def test_a_server_that_fails_is_waited_for_and_building_goes_on(
    ada: User, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    generation = start_generation(actor=ada, model=other)
    scripted_server.script("broken")
    again = build(generation.pk)
    assert again and again.seconds == 2.0
    again = build(generation.pk, again.fence)
    assert again and again.seconds == 4.0
    scripted_server.script("say")
    assert finish(generation).state != State.READY  # nobody takes over while it waits
    assert build(generation.pk, again.fence) is None
    generation.refresh_from_db()
    assert (generation.state, generation.failures, generation.error) == (State.READY, 0, "")


def test_a_server_that_keeps_failing_ends_in_a_reason_and_trying_again_goes_on(
    ada: User, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    generation = start_generation(actor=ada, model=other)
    scripted_server.script("broken")
    again = build(generation.pk)
    while again:
        again = build(generation.pk, again.fence)
    generation.refresh_from_db()
    assert generation.state == State.FAILED
    assert "status 500" in generation.error
    assert tend_generations() == 0
    scripted_server.script("say")
    retry_generation(actor=ada, generation=generation)
    assert finish(generation).state == State.READY
    with pytest.raises(ConflictError):
        retry_generation(actor=ada, generation=generation)


def test_an_index_that_waits_is_completed_by_and_by_and_stays_ready_when_its_model_is_gone(
    ada: User, other: Model, published: Source, publish: Publish, scripted_server: ScriptedServer
) -> None:
    generation = built(ada, other)
    assert waiting() == []
    publish(published, "meals.md", MEALS)
    assert waiting() == [generation]
    scripted_server.script("broken")
    again = build(generation.pk)
    while again:
        again = build(generation.pk, again.fence)
    generation.refresh_from_db()
    assert generation.state == State.READY and generation.error
    assert waiting() == []  # for some minutes
    lapse(generation)
    scripted_server.script("say")
    assert waiting() == [generation]
    assert finish(generation).error == ""
    assert not lacks_vectors(generation)


def test_who_lost_the_lease_writes_nothing(
    ada: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = start_generation(actor=ada, model=other)

    def slow(held: IndexGeneration, texts: list[str]) -> object:
        IndexGeneration.objects.filter(pk=held.pk).update(attempts=held.attempts + 1)  # another has taken over
        return embed_passages(held, texts)

    monkeypatch.setattr(building, "embed_passages", slow)
    assert build(generation.pk) is None
    assert not generation.embeddings.exists()


def test_only_one_builds_at_a_time_and_its_next_slice_needs_no_wait(ada: User, other: Model, published: Source) -> None:
    generation = start_generation(actor=ada, model=other)
    again = build(generation.pk, seconds=0)
    assert again
    assert build(generation.pk) is None
    assert build(generation.pk, again.fence - 1) is None
    build(generation.pk, again.fence)
    generation.refresh_from_db()
    assert generation.attempts == again.fence


def test_a_passage_deleted_while_it_is_embedded_is_left_out(
    ada: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = start_generation(actor=ada, model=other)

    def late(held: IndexGeneration, texts: list[str]) -> object:
        Document.objects.filter(title="Pay").delete()
        return embed_passages(held, texts)

    monkeypatch.setattr(building, "embed_passages", late)
    assert finish(generation).state == State.READY
    assert generation.embeddings.count() == Passage.objects.count()


def test_passages_that_are_found_now_come_first(ada: User, other: Model, handbook: Source) -> None:
    old = factories.make_document(source=handbook, title="Old")
    old.versions.update(withdrawn_at=timezone.now())
    factories.make_document(source=handbook, title="New")
    generation = start_generation(actor=ada, model=other)
    rows = next(building._lacking(generation))
    assert [title for _, title, _, _ in rows] == ["New", "Old"]


def test_an_index_is_given_up_in_batches_and_leaves_nothing(
    ada: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = built(ada, other)
    kept = serving_generation().embeddings.count()
    remove_generation(actor=ada, generation=generation)
    remove_generation(actor=ada, generation=generation)
    assert AuditEvent.objects.filter(action="index.remove", actor=str(ada.pk)).count() == 1
    monkeypatch.setattr(building, "DELETED_AT_ONCE", 1)
    assert clear(generation.pk, seconds=0)
    assert clear(generation.pk) is None
    assert not IndexGeneration.objects.filter(pk=generation.pk).exists()
    assert Embedding.objects.count() == kept


def test_an_index_that_served_is_deleted_only_after_the_last_search_in_it(
    ada: User, other: Model, published: Source
) -> None:
    before = serving_generation()
    serve_generation(actor=ada, generation=built(ada, other))
    remove_generation(actor=ada, generation=before)
    assert clear(before.pk) is None and before.embeddings.exists()
    assert waiting() == []
    lapse(before)
    assert waiting() == [before]
    assert clear(before.pk) is None and not before.embeddings.exists()


def test_cancelling_stops_the_builder(ada: User, other: Model, published: Source) -> None:
    generation = start_generation(actor=ada, model=other)
    again = build(generation.pk, seconds=0)
    assert again
    remove_generation(actor=ada, generation=generation)
    assert build(generation.pk, again.fence) is None
    assert clear(generation.pk) is None
    assert not IndexGeneration.objects.filter(pk=generation.pk).exists()


def test_the_index_that_serves_cannot_be_given_up(ada: User, published: Source) -> None:
    with pytest.raises(ConflictError, match="Searches use this index"):
        remove_generation(actor=ada, generation=serving_generation())


def test_one_is_built_at_a_time(ada: User, other: Model, published: Source) -> None:
    start_generation(actor=ada, model=other)
    with pytest.raises(ConflictError, match="being built"):
        start_generation(actor=ada, model=None)


def test_what_is_ready_is_not_built_again(ada: User, other: Model, published: Source) -> None:
    generation = built(ada, other)
    with pytest.raises(ConflictError, match="there already"):
        start_generation(actor=ada, model=other)
    serve_generation(actor=ada, generation=generation)
    assert start_generation(actor=ada, model=other).state == State.BUILDING  # the one that serves may be


def test_only_what_is_ready_can_serve(ada: User, other: Model, published: Source) -> None:
    generation = start_generation(actor=ada, model=other)
    with pytest.raises(ConflictError, match="ready"):
        serve_generation(actor=ada, generation=generation)


def test_a_model_that_writes_cannot_embed(ada: User, published: Source) -> None:
    with pytest.raises(BadInputError, match="does not embed text"):
        start_generation(actor=ada, model=ensure_model(name="writer"))


def test_a_model_without_a_server_says_what_to_do(ada: User, published: Source) -> None:
    with pytest.raises(UnavailableError, match="connect one in the admin site"):
        start_generation(actor=ada, model=ensure_model(name="lonely", role=Role.EMBED))
    assert IndexGeneration.objects.count() == 1


@pytest.mark.parametrize("deed", ["start", "serve", "retry", "remove"])
def test_only_administrators_may(olivia: User, other: Model, published: Source, deed: str) -> None:
    deeds: dict[str, Callable[[], object]] = {
        "start": lambda: start_generation(actor=olivia, model=other),
        "serve": lambda: serve_generation(actor=olivia, generation=serving_generation()),
        "retry": lambda: retry_generation(actor=olivia, generation=serving_generation()),
        "remove": lambda: remove_generation(actor=olivia, generation=serving_generation()),
    }
    with pytest.raises(NotAllowedError):
        deeds[deed]()
    assert IndexGeneration.objects.get().state == State.SERVING
    assert AuditEvent.objects.get(actor=str(olivia.pk), outcome="denied").action == "knowledge.rebuild_index"


def test_a_changed_setting_leaves_the_old_index_in_service(
    alice: User, published: Source, scripted_server: ScriptedServer, settings: object, publish: Publish
) -> None:
    settings.EMBEDDING_URL, settings.EMBEDDING_NAME = scripted_server.url, "new"  # type: ignore[attr-defined]
    assert best(alice, "when do I get my salary") == "Pay"
    publish(published, "meals.md", MEALS)
    assert best(alice, "where can I eat at midday") == "Meals"
    assert scripted_server.requests == []


def test_the_installations_new_model_is_built_and_swapped_in(
    ada: User, alice: User, published: Source, scripted_server: ScriptedServer, settings: object
) -> None:
    scripted_server.dimensions = 24
    settings.EMBEDDING_URL, settings.EMBEDDING_NAME = scripted_server.url, "new"  # type: ignore[attr-defined]
    generation = built(ada, None)
    serve_generation(actor=ada, generation=generation)
    assert (serving_generation().embedding_name, serving_generation().dimensions) == ("new", 24)
    assert best(alice, "salaries are paid each month") == "Pay"


def test_an_index_whose_model_is_out_of_reach_says_so_until_it_is_registered(
    alice: User, published: Source, scripted_server: ScriptedServer
) -> None:
    IndexGeneration.objects.update(embedding_name="gone")
    with pytest.raises(IndexMismatchError, match="indexed with gone, and only all-minilm-l6-v2 can be reached"):
        search(user=alice, query="salary")
    scripted_server.dimensions = 384
    ensure_model(name="gone", role=Role.EMBED)
    register_worker(model_name="gone", address=scripted_server.url)
    workers.forget()
    assert search(user=alice, query="salary")


def test_a_document_waits_while_the_model_of_the_index_is_out_of_reach(published: Source, publish: Publish) -> None:
    IndexGeneration.objects.update(embedding_name="gone")
    document = publish(published, "meals.md", MEALS)
    assert (document.state, document.attempts) == (Document.State.QUEUED, 0)


@pytest.mark.django_db(transaction=True)
def test_an_index_that_grew_large_is_searched_approximately_and_the_approximation_goes_with_it(
    ada: User, alice: User, other: Model, published: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "WORTH_FROM", 4)
    monkeypatch.setattr(vector_index, "NOT_WORTH_BELOW", 1)
    generation = built(ada, other)
    assert vector_index.exists(generation.pk) == (generation.embeddings.count() >= 4)
    factories.make_document(source=published, title="More", paragraphs=["One.", "Two.", "Three."])
    finish(generation)
    tend_generations()
    assert vector_index.exists(generation.pk)
    serve_generation(actor=ada, generation=generation)
    assert best(alice, "when are salaries paid each month") == "Pay"
    serve_generation(actor=ada, generation=IndexGeneration.objects.get(state=State.READY))
    remove_generation(actor=ada, generation=generation)
    lapse(generation)
    while clear(generation.pk):
        pass
    assert not vector_index.exists(generation.pk)


def test_vectors_carry_their_generation(published: Source) -> None:
    serving = serving_generation()
    embedded = Embedded(serving, embed_passages(serving, ["a", "b"]))
    assert embedded.vectors.shape == (2, serving.dimensions)
    assert embed_passages(serving, []).shape == (0, serving.dimensions)
