"""Connecting a model server with one form of the admin site."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from app.inference.embedding import embedder_of
from app.inference.models import Model, Worker
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from knowledge.models import IndexGeneration

SignIn = Callable[[User | None], Client]
ADDRESS = "https://models.example.org/v1"

pytestmark = pytest.mark.django_db


def form(**fields: str) -> dict[str, str]:
    model = ensure_model(name="capable")
    return {
        "model": str(model.id),
        "address": ADDRESS,
        "kind": "openai",
        "capacity": "16",
        "state": "healthy",
    } | fields


def change_page(worker: Worker) -> str:
    return reverse("admin:inference_worker_change", args=[worker.id])


def test_an_administrator_connects_a_server_and_the_deed_is_recorded(signed_in: SignIn, ada: User) -> None:
    answer = signed_in(ada).post(reverse("admin:inference_worker_add"), form(api_key="sk-very-secret"))
    assert answer.status_code == 302, answer.content
    worker = Worker.objects.get()
    assert (worker.address, worker.open_api_key()) == (ADDRESS, "sk-very-secret")
    event = AuditEvent.objects.get(action="admin.create_worker")
    assert "very-secret" not in f"{vars(event)}"


def test_the_key_is_never_shown_again(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address=ADDRESS, api_key="sk-very-secret")
    for page in (change_page(worker), reverse("admin:inference_worker_changelist")):
        content = signed_in(ada).get(page).content.decode()
        assert ADDRESS in content
        assert "very-secret" not in content and worker.api_key_encrypted not in content


def test_an_empty_key_keeps_the_old_one_and_forgetting_is_said(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address=ADDRESS, api_key="old")
    signed_in(ada).post(change_page(worker), form(capacity="3"))
    worker.refresh_from_db()
    assert (worker.capacity, worker.open_api_key()) == (3, "old")
    signed_in(ada).post(change_page(worker), form(forget_api_key="on"))
    worker.refresh_from_db()
    assert worker.open_api_key() is None


@pytest.mark.parametrize("address", ["ftp://host/v1", "http://host", "http://u:p@host/v1"])
def test_an_address_that_cannot_be_used_is_refused_in_the_form(signed_in: SignIn, ada: User, address: str) -> None:
    answer = signed_in(ada).post(reverse("admin:inference_worker_add"), form(address=address))
    assert answer.status_code == 200 and "is not an address like" in answer.content.decode()
    assert not Worker.objects.exists()


def test_nobody_else_gets_in(signed_in: SignIn, alice: User, dana: User) -> None:
    worker = register_worker(model_name="capable", address=ADDRESS)
    for person in (alice, dana, None):
        browser = signed_in(person)
        assert browser.get(change_page(worker)).status_code in (302, 403, 404)
        browser.post(change_page(worker), form(capacity="1"))
        browser.post(reverse("admin:inference_worker_add"), form(address="https://evil.example.org/v1"))
    worker.refresh_from_db()
    assert worker.capacity != 1 and Worker.objects.count() == 1


def test_an_embedding_model_is_registered_with_its_server_and_its_prefixes(
    signed_in: SignIn, ada: User, scripted_server: ScriptedServer
) -> None:
    browser = signed_in(ada)
    fields = {"name": "e5", "role": "embed", "upstream_name": "intfloat/e5", "query_prefix": "query: "}
    answer = browser.post(reverse("admin:inference_model_add"), fields | {"passage_prefix": "passage: "})
    assert answer.status_code == 302, answer.content
    model = Model.objects.get(name="e5")
    assert (model.query_prefix, model.passage_prefix) == ("query: ", "passage: ")
    browser.post(reverse("admin:inference_worker_add"), form(model=str(model.id), address=scripted_server.url))
    assert embedder_of(model).embed_query("leave").shape == (8,)
    assert scripted_server.requests[0].body["input"] == ["query: leave"]


def test_what_the_vectors_of_an_index_depend_on_stays_as_it_is(signed_in: SignIn, ada: User) -> None:
    model = ensure_model(name="e5", role="embed")
    IndexGeneration.objects.create(model=model, embedding_name="e5", dimensions=8, state="ready")
    page = reverse("admin:inference_model_change", args=[model.id])
    answer = signed_in(ada).post(page, {"upstream_name": "other/e5", "role": "generate", "query_prefix": "ask: "})
    assert answer.status_code == 302, answer.content
    model.refresh_from_db()
    assert (model.role, model.query_prefix, model.upstream_name) == ("embed", "", "other/e5")
