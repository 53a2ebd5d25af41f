"""Connecting, changing, draining and removing model servers, on the pages and over REST."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent, User
from app.errors import BadInputError, ConflictError, NotAllowedError
from app.inference.embedding.local import embedder_of
from app.inference.models import Model, Worker, WorkerState
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from app.inference.watching.checking import Candidate, Report
from app.inference.watching.figures import Sample, _key
from app.operations.pool import steering
from app.operations.pool.errors import FailedTestError, InUseError, StillRunningError
from chat.models import Assistant
from tests import factories
from tests.inference.fixtures import more_servers, scripted_server
from tests.inference.odd_server import dead_address

__all__ = ["more_servers", "scripted_server"]

SignIn = Callable[[User | None], Client]

pytestmark = pytest.mark.django_db


def events(action: str, actor: User) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action, actor=str(actor.pk)))


def form(address: str, **fields: str) -> dict[str, str]:
    return {"address": address, "role": "generate", "capacity": "16", "name": "capable"} | fields


def toasts(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_an_administrator_connects_a_server_and_the_deed_is_recorded(
    signed_in: SignIn, ada: User, scripted_server: ScriptedServer
) -> None:
    fields = form(scripted_server.url, api_key="sk-very-secret")
    answer = signed_in(ada).post(reverse("pool:add_server"), fields, follow=True)
    worker = Worker.objects.get()
    assert (worker.address, worker.open_api_key(), worker.capacity) == (scripted_server.url, "sk-very-secret", 16)
    assert (worker.model.name, worker.model.upstream_name, worker.state) == ("capable", "scripted", "healthy")
    assert "takes requests for capable" in answer.content.decode()
    assert scripted_server.requests[0].headers["Authorization"] == "Bearer sk-very-secret"
    (event,) = events("pool.add_worker", ada)
    assert event.payload["address"] == scripted_server.url and "very-secret" not in f"{vars(event)}"


def test_a_first_capable_model_takes_the_demonstrations_place(ada: User, scripted_server: ScriptedServer) -> None:
    small = ensure_model(name="small", is_demonstration=True)
    handbook = factories.make_assistant(mode="generate", model=small)
    added = steering.add_worker(ada, server=steering.Server(scripted_server.url, name="large"))
    handbook.refresh_from_db()
    assert added.adopted == [handbook] and handbook.model == added.worker.model


def test_a_server_that_fails_the_test_is_added_on_purpose_alone(
    signed_in: SignIn, ada: User, scripted_server: ScriptedServer
) -> None:
    handbook = factories.make_assistant(mode="quote", is_default=True)
    scripted_server.script("broken")
    browser = signed_in(ada)
    answer = browser.post(reverse("pool:add_server"), form(scripted_server.url))
    page = answer.content.decode()
    assert answer.status_code == 422 and "It cannot be used like this." in page and "although the test failed" in page
    assert not Worker.objects.exists() and not Model.objects.exists()
    browser.post(reverse("pool:add_server"), form(scripted_server.url, despite="on"))
    worker = Worker.objects.get()
    assert worker.state == "sick" and worker.state_reason
    handbook.refresh_from_db()
    assert handbook.model is None  # nobody writes with what has never written


@pytest.mark.parametrize("address", ["ftp://host/v1", "two words", "http://u:p@host/v1"])
def test_what_is_no_address_is_never_added(signed_in: SignIn, ada: User, address: str) -> None:
    answer = signed_in(ada).post(reverse("pool:add_server"), form(address, despite="on"))
    assert answer.status_code == 422
    assert not Worker.objects.exists()


def test_the_same_server_is_not_added_twice(ada: User, scripted_server: ScriptedServer) -> None:
    server = steering.Server(scripted_server.url)
    steering.add_worker(ada, server=server)
    with pytest.raises(ConflictError, match="in the pool already"):
        steering.add_worker(ada, server=server)


def test_a_name_means_one_model(ada: User, scripted_server: ScriptedServer) -> None:
    register_worker(model_name="capable", address="http://10.0.0.9/v1", upstream_name="other/model")
    server = steering.Server(scripted_server.url, upstream_name="scripted", name="capable")
    with pytest.raises(steering.BadInputError, match="Give it another name"):
        steering.add_worker(ada, server=server)


def test_the_test_alone_adds_nothing(signed_in: SignIn, ada: User, scripted_server: ScriptedServer) -> None:
    browser = signed_in(ada)
    part = browser.post(reverse("pool:test_server"), form(scripted_server.url), headers={"HX-Request": "true"})
    assert "It works." in part.content.decode() and "<html" not in part.content.decode()
    page = browser.post(reverse("pool:test_server"), form(dead_address()))
    assert "Nothing listens on port" in page.content.decode() and "<html" in page.content.decode()
    assert not Worker.objects.exists()


def test_the_key_is_never_shown_again(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address="http://10.0.0.9/v1", api_key="sk-very-secret")
    browser = signed_in(ada)
    pages = [reverse("pool:server", args=[worker.id]), reverse("pool:servers"), "/api/v1/pool"]
    pages += [reverse("admin:inference_worker_change", args=[worker.id]), reverse("admin:inference_worker_changelist")]
    for page in pages:
        content = browser.get(page).content.decode()
        assert worker.address in content
        assert "very-secret" not in content and worker.api_key_encrypted not in content


def test_an_empty_key_keeps_the_old_one_and_forgetting_is_said(
    signed_in: SignIn, ada: User, scripted_server: ScriptedServer
) -> None:
    worker = register_worker(model_name="scripted", address=scripted_server.url, api_key="old")
    page = reverse("pool:server", args=[worker.id])
    fields = {"address": worker.address, "kind": "openai", "capacity": "3"}
    assert signed_in(ada).post(page, fields).status_code == 302
    worker.refresh_from_db()
    assert (worker.capacity, worker.open_api_key()) == (3, "old")
    assert signed_in(ada).post(page, fields | {"forget_api_key": "on"}).status_code == 302
    worker.refresh_from_db()
    assert worker.open_api_key() is None
    assert sorted(event.payload["fields"] for event in events("pool.change_worker", ada)) == [["api_key"], ["capacity"]]


def test_another_address_is_tried_out_first(
    ada: User, scripted_server: ScriptedServer, more_servers: Callable[[], ScriptedServer]
) -> None:
    worker = register_worker(model_name="scripted", address=scripted_server.url)
    with pytest.raises(FailedTestError, match="Nothing listens"):
        steering.change_worker(ada, worker=worker, change=steering.Change(address=dead_address()))
    with pytest.raises(BadInputError, match="An address looks like"):
        steering.change_worker(ada, worker=worker, change=steering.Change(address="no address"))
    steering.change_worker(ada, worker=worker, change=steering.Change(address=worker.address, capacity=32))
    assert not events("pool.change_worker", ada)
    other = more_servers()
    changed = steering.change_worker(ada, worker=worker, change=steering.Change(address=other.url))
    assert changed.address == other.url
    taken = register_worker(model_name="scripted", address=scripted_server.url)
    with pytest.raises(ConflictError):
        steering.change_worker(ada, worker=taken, change=steering.Change(address=other.url))


def test_a_kept_key_goes_to_no_other_server(
    ada: User, scripted_server: ScriptedServer, more_servers: Callable[[], ScriptedServer]
) -> None:
    """Whoever may enter an address could otherwise read the key there."""
    worker, other = register_worker(model_name="scripted", address=scripted_server.url, api_key="key"), more_servers()
    with pytest.raises(BadInputError, match="Give the key again"):
        steering.change_worker(ada, worker=worker, change=steering.Change(address=other.url), despite=True)
    assert not other.requests
    steering.change_worker(ada, worker=worker, change=steering.Change(address=f"{scripted_server.url}/"))
    steering.change_worker(ada, worker=worker, change=steering.Change(address=other.url, api_key="its own"))
    assert other.requests[0].headers["Authorization"] == "Bearer its own"


def test_one_that_was_removed_while_it_was_tried_out_is_said_to_be_gone(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = factories.make_worker(address="http://10.0.0.1/v1")

    def check(candidate: Candidate) -> Report:
        Worker.objects.all().delete()
        return Report(address=worker.address, kind="openai", upstream_name="m", steps=())

    monkeypatch.setattr(steering, "check_server", check)
    with pytest.raises(ConflictError, match="was removed meanwhile"):
        steering.change_worker(ada, worker=worker, change=steering.Change(api_key="new"))
    with pytest.raises(ConflictError, match="was removed meanwhile"):
        steering.drain_worker(ada, worker=worker)
    assert not events("pool.change_worker", ada) and not events("pool.drain_worker", ada)


def test_draining_resuming_and_switching_off(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address="http://10.0.0.9/v1")
    browser = signed_in(ada)
    for name, state in (("drain", "draining"), ("resume", "healthy"), ("switch_off", "off"), ("switch_off", "off")):
        assert browser.post(reverse(f"pool:{name}", args=[worker.id])).status_code == 302
        worker.refresh_from_db()
        assert worker.state == state
    assert len(events("pool.switch_off_worker", ada)) == 1
    assert events("pool.drain_worker", ada)[0].payload == {"before": "healthy"}


def running_sample(worker: Worker, running: int) -> None:
    """As the watcher would have kept it just now."""
    sample = Sample(time.time(), 5.0, running, 0, 0.0, 0, 0, 0, 0, 0, 0, {})
    redis.Redis.from_url(settings.VALKEY_URL).rpush(_key(worker.id), json.dumps([*sample[:-1], []]))


def test_a_server_that_writes_is_not_removed_by_mistake(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address="http://10.0.0.9/v1", kind="vllm")
    running_sample(worker, 2)
    with pytest.raises(StillRunningError, match="2 answers are being written"):
        steering.remove_worker(ada, worker=worker)
    page = signed_in(ada).get(reverse("pool:server", args=[worker.id])).content.decode()
    assert "Remove it all the same" in page
    signed_in(ada).post(reverse("pool:remove_server", args=[worker.id]), {"despite": "on"})
    assert not Worker.objects.exists()
    (event,) = events("pool.remove_worker", ada)
    assert event.payload["running"] == 2


def test_the_installations_own_server_is_not_removed(ada: User) -> None:
    worker = register_worker(model_name="small", address="http://127.0.0.1:2/v1", is_embedded=True)
    with pytest.raises(InUseError):
        steering.remove_worker(ada, worker=worker)


def test_nobody_else_gets_in(signed_in: SignIn, alice: User, dana: User) -> None:
    worker = register_worker(model_name="capable", address="http://10.0.0.9/v1")
    for person in (alice, dana):
        with pytest.raises(NotAllowedError):
            steering.drain_worker(person, worker=worker)
        with pytest.raises(NotAllowedError):
            steering.add_worker(person, server=steering.Server("http://10.0.0.8/v1"))
        browser = signed_in(person)
        browser.post(reverse("pool:add_server"), form("http://10.0.0.8/v1", despite="on"))
        browser.post(reverse("pool:remove_server", args=[worker.id]))
    assert [one.state for one in Worker.objects.all()] == ["healthy"]


def test_an_embedding_model_is_connected_and_gets_its_prefixes(
    signed_in: SignIn, ada: User, scripted_server: ScriptedServer
) -> None:
    browser = signed_in(ada)
    browser.post(reverse("pool:add_server"), form(scripted_server.url, name="e5", role="embed", upstream_name="x/e5"))
    model = Model.objects.get(name="e5")
    fields = {"upstream_name": "x/e5", "role": "embed", "query_prefix": "query: ", "passage_prefix": "passage: "}
    fields |= {"price_in": "0", "price_cached": "0", "price_out": "0", "tensor_parallel": "1", "pipeline_parallel": "1"}
    assert browser.post(reverse("pool:model", args=[model.id]), fields).status_code == 302
    model.refresh_from_db()
    assert (model.role, model.query_prefix, model.passage_prefix) == ("embed", "query: ", "passage: ")
    scripted_server.requests.clear()
    assert embedder_of(model).embed_query("leave").shape == (8,)
    assert scripted_server.requests[0].body["input"] == ["query: leave"]


def test_programs_steer_the_pool_as_pages_do(with_key: SignIn, ada: User, scripted_server: ScriptedServer) -> None:
    client = with_key(ada)

    def call(method: str, path: str, **body: object) -> tuple[int, dict[str, object]]:
        send = getattr(client, method)
        answer = send(f"/api/v1{path}", json.dumps(body), content_type="application/json")
        return answer.status_code, answer.json() if answer.content else {}

    status, report = call("post", "/workers/test", address=scripted_server.url.removesuffix("/v1"))
    assert (status, report["is_usable"], report["address"]) == (200, True, scripted_server.url)
    status, refused = call("post", "/workers", address=dead_address())
    assert (status, refused["error"]["code"]) == (422, "failed_test")  # type: ignore[index]
    assert refused["error"]["current"]["steps"][-1]["outcome"] == "bad"  # type: ignore[index]
    status, worker = call("post", "/workers", address=scripted_server.url, api_key="sk-1", capacity=5)
    assert status == 201 and worker["has_key"] is True and "sk-1" not in json.dumps(worker)
    path = f"/workers/{worker['id']}"
    assert call("patch", path, capacity=9)[1]["capacity"] == 9
    assert call("post", f"{path}/drain")[1]["state"] == "draining"
    assert call("post", f"{path}/resume")[1]["state"] == "healthy"
    assert call("post", f"{path}/off")[1]["state"] == "off"
    assert [group["model"] for group in client.get("/api/v1/pool").json()["models"]] == ["scripted"]
    assert call("delete", path)[0] == 204
    assert client.get("/api/v1/pool").json()["models"] == []
    assert not Worker.objects.exists()


# --- the overview -------------------------------------------------------------------------------------------------


def test_an_empty_pool_says_what_to_do(signed_in: SignIn, ada: User) -> None:
    page = signed_in(ada).get(reverse("pool:servers")).content.decode()
    assert "No model server yet" in page and reverse("pool:add_server") in page


def test_a_model_without_servers_is_told_where_somebody_needs_it(signed_in: SignIn, ada: User) -> None:
    factories.make_assistant(mode="generate", model=ensure_model(name="lonely"))
    ensure_model(name="unused")
    page = signed_in(ada).get(reverse("pool:servers")).content.decode()
    assert "lonely" in page and "No server runs it." in page and "unused" not in page


def test_the_overview_says_how_each_server_stands(signed_in: SignIn, ada: User) -> None:
    worker = register_worker(model_name="capable", address="http://10.0.0.9/v1", kind="vllm", capacity=7)
    running_sample(worker, 3)
    Worker.objects.update(state=WorkerState.SICK, state_reason="It refuses the key (status 401).")
    page = signed_in(ada).get(reverse("pool:servers")).content.decode()
    assert "It refuses the key (status 401)." in page and "3 of 7" in page
    assert re.search(r'<svg class="pool-spark"[^>]*aria-label="Answers being written, last half hour: 3 at last', page)


def test_the_page_is_drawn_anew_only_when_models_come_or_go(signed_in: SignIn, ada: User) -> None:
    register_worker(model_name="capable", address="http://10.0.0.9/v1")
    browser = signed_in(ada)
    page = browser.get(reverse("pool:servers")).content.decode()
    live = re.search(r'hx-get="([^"]*mark=[^"]*)"', page)
    assert live
    part = browser.get(live[1])
    assert "HX-Refresh" not in part.headers and part.content.decode().count('hx-swap-oob="true"') == 3
    register_worker(model_name="capable", address="http://10.0.0.10/v1")
    assert "HX-Refresh" not in browser.get(live[1]).headers
    register_worker(model_name="another", address="http://10.0.0.10/v1")
    assert browser.get(live[1]).headers["HX-Refresh"] == "true"


def test_without_valkey_the_registry_is_shown(signed_in: SignIn, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    register_worker(model_name="capable", address="http://10.0.0.9/v1")
    gone = redis.Redis.from_url("redis://127.0.0.1:1/0")
    monkeypatch.setattr("app.operations.pool.state.quick_client", lambda _url: gone)
    monkeypatch.setattr("app.inference.routing.counts.quick_client", lambda _url: gone)
    page = signed_in(ada).get(reverse("pool:servers")).content.decode()
    assert "Valkey does not answer" in page and "http://10.0.0.9/v1" in page


# --- models and assistants ----------------------------------------------------------------------------------------


def test_a_price_is_set_and_recorded(signed_in: SignIn, with_key: SignIn, ada: User) -> None:
    model = ensure_model(name="capable")
    body = json.dumps({"price_in": "0.25", "watts": 700})
    answer = with_key(ada).patch(f"/api/v1/models/{model.id}", body, content_type="application/json")
    assert (answer.status_code, answer.json()["price_in"], answer.json()["watts"]) == (200, "0.25", 700)
    (event,) = events("pool.change_model", ada)
    assert event.payload["watts"] == {"before": None, "after": 700}
    assert with_key(ada).get("/api/v1/models").json()["next"] is None
    wrong = with_key(ada).patch(f"/api/v1/models/{model.id}", '{"price_in": "-1"}', content_type="application/json")
    assert wrong.status_code == 422 and "Price in" in wrong.json()["error"]["message"]


def test_what_the_vectors_of_an_index_depend_on_stays_as_it_is(ada: User) -> None:
    from app.operations.pool.setting_models import change_model
    from knowledge.models import IndexGeneration

    model = ensure_model(name="e5", role="embed")
    IndexGeneration.objects.create(model=model, embedding_name="e5", dimensions=8, state="ready")
    for change in ({"role": "generate"}, {"query_prefix": "ask: "}):
        with pytest.raises(InUseError):
            change_model(ada, model=model, **change)
    assert change_model(ada, model=model, upstream_name="other/e5").upstream_name == "other/e5"
    model.refresh_from_db()
    assert (model.role, model.query_prefix) == ("embed", "")


def test_a_model_that_writes_for_somebody_keeps_its_role_and_its_entry(signed_in: SignIn, ada: User) -> None:
    from app.operations.pool.setting_models import change_model

    model = ensure_model(name="capable")
    factories.make_assistant(mode="generate", model=model)
    with pytest.raises(InUseError):
        change_model(ada, model=model, role="embed")
    answer = signed_in(ada).post(reverse("pool:remove_model", args=[model.id]), follow=True)
    assert "still used by assistants" in answer.content.decode()
    unused = ensure_model(name="unused")
    signed_in(ada).post(reverse("pool:remove_model", args=[unused.id]))
    assert [one.name for one in Model.objects.all()] == ["capable"]


def test_an_assistants_models_are_set_on_its_page(signed_in: SignIn, ada: User) -> None:
    first, second, trial = (ensure_model(name=name) for name in ("first", "second", "trial"))
    assistant = factories.make_assistant()
    page = reverse("pool:assistant", args=[assistant.pk])
    fields = {"mode": "generate", "model": str(first.pk), "fallback_2": str(second.pk), "canary": str(trial.pk)}
    answer = signed_in(ada).post(page, fields | {"canary_percent": "10", "repeats_answers": "on"})
    assert answer.status_code == 302, answer.content
    assistant = Assistant.objects.get(pk=assistant.pk)
    assert (assistant.mode, assistant.model, assistant.canary, assistant.canary_percent) == (
        *("generate", first, trial),
        10,
    )
    assert [one.model for one in assistant.fallbacks.all()] == [second]
    twice = signed_in(ada).post(page, fields | {"fallback_1": str(first.pk)})
    assert twice.status_code == 422 and "is named twice" in twice.content.decode()


def test_an_assistants_models_are_set_over_rest(with_key: SignIn, ada: User) -> None:
    for name in ("first", "second"):
        ensure_model(name=name)
    assistant = factories.make_assistant()
    path = f"/api/v1/assistants/{assistant.pk}/models"
    body = {"mode": "generate", "model": "first", "fallbacks": ["second"], "repeats_answers": False}
    answer = with_key(ada).put(path, json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["fallbacks"] == ["second"] and answer.json()["repeats_answers"] is False
    unknown = with_key(ada).put(path, '{"model": "nothing"}', content_type="application/json")
    assert unknown.status_code == 422 and "no model nothing" in unknown.json()["error"]["message"]
