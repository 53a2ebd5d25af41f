"""Swapping indexes while people search, documents are published and builders die: nothing fails, nothing is missed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from accounts.models import Group, User
from app.inference.models import Model
from app.inference.scripted_server import ScriptedServer
from knowledge.errors import NotReadyError
from knowledge.index.building import build, lacks_vectors, waiting
from knowledge.index.generations import serving_generation
from knowledge.index.rebuilding import remove_generation, serve_generation, start_generation
from knowledge.models import Document, IndexGeneration, Passage, Source
from knowledge.publication.processing import process_document
from knowledge.retrieval import search
from tests import factories
from tests.inference.fixtures import scripted_server
from tests.knowledge.conftest import Publish
from tests.knowledge.indexing import MEALS, built, finish, lapse, other, published

__all__ = ["other", "published", "scripted_server"]
pytestmark = pytest.mark.django_db


class Searcher(threading.Thread):
    """Asks the same questions over and over until told to stop, and remembers every wrong answer."""

    QUESTIONS = {"when are salaries paid each month": "Pay", "annual leave in a calendar year": "Annual leave"}

    def __init__(self, user: User) -> None:
        super().__init__(daemon=True)
        self.user, self.count, self.wrong = user, 0, list[str]()
        self.generations = set[int]()
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.is_set():
            for question, expected in self.QUESTIONS.items():
                self._ask(question, expected)
        connection.close()

    def _ask(self, question: str, expected: str) -> None:
        try:
            self.generations.add(serving_generation().pk)
            titles = [found.document_title for found in search(user=self.user, query=question)]
        except Exception as error:  # noqa: BLE001 - whatever it is, a search must not fail
            self.wrong.append(repr(error))
            return
        self.count += 1
        if titles[:1] != [expected]:
            self.wrong.append(f"{question}: {titles}")

    def stop(self) -> None:
        self._is_over.set()
        self.join(30)


@pytest.fixture
def searchers(alice: User, published: Source) -> Iterator[list[Searcher]]:
    threads = [Searcher(alice) for _ in range(3)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.stop()


def wait_for(true: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def swap(actor: User, generation: IndexGeneration) -> None:
    """A machine that is busy takes documents in slowly, and says so."""

    def is_swapped() -> bool:
        try:
            serve_generation(actor=actor, generation=generation)
        except NotReadyError:
            return False
        return True

    wait_for(is_swapped)


@pytest.mark.django_db(transaction=True)
def test_no_search_fails_while_an_index_is_built_swapped_swapped_back_and_removed(
    ada: User, other: Model, published: Source, publish: Publish, searchers: list[Searcher]
) -> None:
    def a_while() -> None:
        seen = [thread.count for thread in searchers]
        wait_for(lambda: all(thread.count > before + 4 for thread, before in zip(searchers, seen, strict=True)))

    before = serving_generation()
    for number in range(4):
        factories.make_document(source=published, title=f"Filler {number}", paragraphs=["Nothing of note."] * 40)
    a_while()
    generation = built(ada, other)
    for _ in range(3):
        swap(ada, generation)
        a_while()
        publish(published, "meals.md", MEALS)
        swap(ada, before)
        a_while()
    swap(ada, generation)
    remove_generation(actor=ada, generation=before)
    a_while()
    for thread in searchers:
        thread.stop()
    assert [thread.wrong for thread in searchers] == [[], [], []]
    assert {generation.pk, before.pk} == set.union(*(thread.generations for thread in searchers))


_BUILD = """
import django
django.setup()
from knowledge.index import building
from knowledge.index import vector_index
building.BATCH = 4
again = building.build({pk}, seconds=600)
print("done", again)
"""


@pytest.mark.django_db(transaction=True)
def test_a_builder_killed_in_the_middle_loses_one_batch_at_most(
    ada: User, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    factories.make_document(source=published, title="Long", paragraphs=[f"Paragraph {n}" for n in range(400)])
    generation = start_generation(actor=ada, model=other)
    builder = subprocess.Popen(
        [sys.executable, "-c", _BUILD.format(pk=generation.pk)],
        cwd=Path(django_settings.BASE_DIR),
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "app.settings"},
    )
    try:
        wait_for(lambda: generation.embeddings.count() >= 40)
    finally:
        builder.send_signal(signal.SIGKILL)
        builder.wait()
    done = generation.embeddings.count()
    assert 40 <= done < Passage.objects.count()
    assert build(generation.pk) is None  # its lease still stands
    lapse(generation)
    assert generation in waiting()
    asked = sum(len(request.body["input"]) for request in scripted_server.requests)
    assert finish(generation).state == IndexGeneration.State.READY
    assert generation.embeddings.count() == Passage.objects.count()
    again = sum(len(request.body["input"]) for request in scripted_server.requests) - asked
    assert again == Passage.objects.count() - done


@pytest.mark.django_db(transaction=True)
def test_documents_published_beside_swaps_are_never_missed(
    ada: User, crew: Group, other: Model, published: Source, publish: Publish
) -> None:
    before, generation = serving_generation(), built(ada, other)
    is_over = threading.Event()
    failed: list[str] = []

    def swap() -> None:
        try:
            while not is_over.is_set():
                for one in (generation, before):
                    serve_generation(actor=ada, generation=one)
        except Exception as error:  # noqa: BLE001 - told by the test
            failed.append(repr(error))
        finally:
            connection.close()

    swapper = threading.Thread(target=swap, daemon=True)
    swapper.start()
    documents = [publish(published, f"{n}.md", f"# Note {n}\n\nThe note says {n}.") for n in range(12)]
    is_over.set()
    swapper.join(60)
    assert failed == []
    for document in documents:
        while document.state == Document.State.QUEUED:  # embedded for the one, while the other came to serve
            Document.objects.filter(pk=document.pk).update(lease_until=None)
            process_document(document.pk)
            document.refresh_from_db()
    assert not lacks_vectors(serving_generation())
    for one in (generation, before):
        serve_generation(actor=ada, generation=one)
        assert not lacks_vectors(one)
