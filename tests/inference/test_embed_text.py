"""Vectors: the embedded encoder against its float original, and a remote server."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.errors import UnavailableError
from app.inference.embedding import local as embedding
from app.inference.embedding.local import EmbeddedEncoder, dimensions, embed_passages, embed_query
from app.inference.embedding.remote import RemoteEmbedder
from app.inference.scripted_server import ScriptedServer

REFERENCE = json.loads((Path(__file__).parent / "embedding_reference.json").read_text())


@pytest.fixture
def embedded(embedding_weights: Path, settings: object) -> Iterator[None]:
    settings.EMBEDDING_URL = None  # type: ignore[attr-defined]
    yield


@pytest.fixture
def remote(scripted_server: ScriptedServer, settings: object) -> ScriptedServer:
    settings.EMBEDDING_URL, settings.EMBEDDING_NAME = scripted_server.url, "e"  # type: ignore[attr-defined]
    settings.EMBEDDING_API_KEY = "secret"  # type: ignore[attr-defined]
    return scripted_server


@pytest.mark.usefixtures("embedded")
def test_int8_agrees_with_the_float_original_to_005() -> None:
    texts, expected = list(REFERENCE), np.array(list(REFERENCE.values()))
    vectors = embed_passages(texts)
    cosines = (vectors * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)
    assert vectors.dtype == np.float32 and vectors.shape == (len(texts), 384)
    assert cosines.min() > 0.995


@pytest.mark.usefixtures("embedded")
def test_vectors_have_unit_length_whatever_the_text() -> None:
    texts = ["", " ", "a", "🎉" * 400, "word " * 5000, "\x00\ufffe", "日本語のテキスト"]
    vectors = embed_passages(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)


@pytest.mark.usefixtures("embedded")
def test_a_text_gets_the_same_vector_alone_and_among_others() -> None:
    texts = [f"{'word ' * (n % 37)}number {n}" for n in range(70)]
    together = embed_passages(texts)
    for index in (0, 36, 69):
        assert together[index] @ embed_query(texts[index]) > 0.999


@pytest.mark.usefixtures("embedded")
def test_what_lies_beyond_the_window_is_not_seen() -> None:
    assert embed_query("word " * 300 + "leave") @ embed_query("word " * 300 + "reactor") > 0.9999


@pytest.mark.usefixtures("embedded")
def test_nothing_gives_an_empty_matrix() -> None:
    assert embed_passages([]).shape == (0, dimensions()) == (0, 384)


@pytest.mark.usefixtures("embedded")
def test_many_threads_at_once_get_their_own_vectors() -> None:
    expected = {f"text {n}": embed_query(f"text {n}") for n in range(8)}
    wrong: list[str] = []

    def check(text: str) -> None:
        for _ in range(5):
            if not np.allclose(embed_query(text), expected[text], atol=1e-3):
                wrong.append(text)

    threads = [threading.Thread(target=check, args=[text], daemon=True) for text in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_a_missing_model_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="models pull all-minilm-l6-v2"):
        EmbeddedEncoder(tmp_path / "all-minilm-l6-v2", threads=1)


def test_a_remote_server_is_asked_in_batches_and_in_order(remote: ScriptedServer) -> None:
    texts = [f"text {n}" for n in range(150)]
    vectors = embed_passages(texts)
    assert vectors.shape == (150, 8) and dimensions() == 8
    assert np.allclose(vectors[149], embed_query("text 149"))
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert embedding.embedding_name() == "e"


def test_a_remote_server_gets_a_second_chance(remote: ScriptedServer) -> None:
    remote.then("broken")
    remote.then("die")
    embedder = RemoteEmbedder(remote.url, "e", None)
    assert embedder.embed(["a"]).shape == (1, 8)
    assert len(remote.requests) == 3


@pytest.mark.parametrize(("what", "requests"), [("broken", 3), ("busy", 3), ("bad-request", 1), ("wrong-type", 1)])
def test_a_remote_server_that_keeps_failing_is_said_to_be_unavailable(
    remote: ScriptedServer, what: str, requests: int
) -> None:
    remote.script(what)
    with pytest.raises(UnavailableError):
        RemoteEmbedder(remote.url, "e", None).embed(["a"])
    assert len(remote.requests) == requests
