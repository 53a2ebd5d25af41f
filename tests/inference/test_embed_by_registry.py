"""Vectors by models of the registry: on their healthy workers, with their keys and prefixes."""

import numpy as np
import pytest

from app.errors import UnavailableError
from app.inference.embedding.local import EMBEDDED_NAME, Embedder, embedder_of, find_embedder, own_embedder
from app.inference.models import Model, Role, WorkerState
from app.inference.registry import ensure_model, register_worker, set_worker_state
from app.inference.routing import workers
from app.inference.scripted_server import ScriptedServer
from tests.inference.fixtures import StartServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> Model:
    model = ensure_model(name="big-embedder", role=Role.EMBED, upstream_name="org/big-embedder")
    Model.objects.filter(pk=model.pk).update(query_prefix="query: ", passage_prefix="passage: ")
    model.refresh_from_db()
    return model


def test_its_server_is_asked_by_its_name_with_the_key_and_the_prefixes(
    model: Model, scripted_server: ScriptedServer
) -> None:
    register_worker(model_name=model.name, address=scripted_server.url, api_key="sk-secret")
    embedder = embedder_of(model)
    assert embedder.name == "big-embedder"
    assert embedder.embed_passages(["leave", "pay"]).shape == (2, 8)
    embedder.embed_query("leave")
    first, second = scripted_server.requests
    assert first.body["model"] == "org/big-embedder"
    assert first.headers["Authorization"] == "Bearer sk-secret"
    assert first.body["input"] == ["passage: leave", "passage: pay"]
    assert second.body["input"] == ["query: leave"]


def test_another_server_answers_when_one_fails_and_the_failed_one_rests(
    model: Model, scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    other = more_servers()
    scripted_server.script("broken")
    for server in (scripted_server, other):
        register_worker(model_name=model.name, address=server.url)
    embedder = embedder_of(model)
    expected = embedder.embed_query("leave")
    for _ in range(5):
        assert np.allclose(embedder.embed_query("leave"), expected)
    assert len(scripted_server.requests) <= 1
    assert len(other.requests) == 6


def test_a_server_that_died_is_no_error_while_another_lives(
    model: Model, scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    other = more_servers()
    for server in (scripted_server, other):
        register_worker(model_name=model.name, address=server.url)
    embedder = embedder_of(model)
    scripted_server.stop()
    for _ in range(4):
        assert embedder.embed_query("leave").shape == (8,)


def test_only_healthy_servers_are_asked(model: Model, scripted_server: ScriptedServer) -> None:
    worker = register_worker(model_name=model.name, address=scripted_server.url)
    set_worker_state(worker, WorkerState.DRAINING)
    with pytest.raises(UnavailableError, match=r"No server of big-embedder takes requests\. Start one"):
        embedder_of(model)
    set_worker_state(worker, WorkerState.HEALTHY)
    workers.forget()
    assert embedder_of(model).dimensions() == 8


def test_servers_that_all_fail_are_said_to_be_unavailable(
    model: Model, scripted_server: ScriptedServer, more_servers: StartServer
) -> None:
    for server in (scripted_server, more_servers()):
        server.script("unavailable")
        register_worker(model_name=model.name, address=server.url)
    with pytest.raises(UnavailableError, match="status 503"):
        embedder_of(model).embed_query("leave")


def test_the_registry_is_read_once_for_many_texts(
    model: Model, scripted_server: ScriptedServer, django_assert_num_queries: object
) -> None:
    register_worker(model_name=model.name, address=scripted_server.url)
    with django_assert_num_queries(1):  # type: ignore[operator]
        for _ in range(5):
            embedder_of(model).embed_query("leave")


def test_a_name_finds_whatever_makes_its_vectors(
    model: Model, scripted_server: ScriptedServer, embedding_weights: object, settings: object
) -> None:
    register_worker(model_name=model.name, address=scripted_server.url)
    settings.EMBEDDING_URL, settings.EMBEDDING_NAME = scripted_server.url, "set-up-now"  # type: ignore[attr-defined]

    def found(name: str) -> Embedder:
        embedder = find_embedder(name)
        assert embedder is not None
        return embedder

    assert own_embedder().name == "set-up-now" and found("set-up-now").dimensions() == 8
    assert found(EMBEDDED_NAME).dimensions() == 384
    assert found("big-embedder").query_prefix == "query: "
    assert find_embedder("never-heard-of") is None


def test_tokens_are_counted_past_the_window_by_the_embedded_model_alone(
    model: Model, scripted_server: ScriptedServer, embedding_weights: object
) -> None:
    register_worker(model_name=model.name, address=scripted_server.url)
    assert own_embedder().count_tokens("Twenty-seven days of leave.") == 7
    assert own_embedder().count_tokens("word " * 1000) == 1000
    assert embedder_of(model).count_tokens("word") is None
