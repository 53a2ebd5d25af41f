"""The index page and its REST operations: what an administrator sees, and what is said when something is in the way."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import User
from app.inference.models import Model, Role
from app.inference.registry import ensure_model, register_worker
from app.inference.scripted_server import ScriptedServer
from knowledge.index.building import build
from knowledge.index.generations import serving_generation
from knowledge.index.rebuilding import start_generation
from knowledge.index.state import generation_states
from knowledge.models import IndexGeneration, Source
from tests import factories
from tests.conftest import SignIn
from tests.inference.fixtures import scripted_server
from tests.knowledge.conftest import Publish

__all__ = ["scripted_server"]
pytestmark = pytest.mark.django_db

State = IndexGeneration.State
PAGE = "/knowledge/index/"
API = "/api/v1/index-generations"


@pytest.fixture
def other(scripted_server: ScriptedServer) -> Model:
    model = ensure_model(name="other", role=Role.EMBED)
    register_worker(model_name="other", address=scripted_server.url)
    return model


@pytest.fixture
def published(publish: Publish, handbook: Source) -> Source:
    publish(handbook)
    return handbook


def complete(generation: IndexGeneration) -> IndexGeneration:
    while build(generation.pk):
        pass
    generation.refresh_from_db()
    return generation


def test_an_installation_without_documents_is_told_how_it_begins(ada: User, signed_in: SignIn) -> None:
    page = signed_in(ada).get(PAGE).content.decode()
    assert "Nothing is indexed yet" in page
    assert "all-minilm-l6-v2" in page


def test_an_administrator_builds_compares_swaps_and_removes(
    ada: User, signed_in: SignIn, other: Model, published: Source
) -> None:
    published.is_for_everyone = True
    published.save()
    browser = signed_in(ada)
    page = browser.post(reverse("knowledge:start_index"), {"model": str(other.pk)}, follow=True).content.decode()
    assert "Building the index of other. Searches go on as before." in page
    assert 'hx-trigger="every 1s"' in page
    generation = complete(IndexGeneration.objects.get(embedding_name="other"))
    page = browser.get(PAGE, {"q": "days of annual leave"}).content.decode()
    assert page.count("Annual leave</a>") >= 2
    page = browser.post(reverse("knowledge:serve_index", args=[generation.pk]), follow=True).content.decode()
    assert "Searches use other now." in page and "Swap back" in page
    former = IndexGeneration.objects.get(state=State.READY)
    page = browser.post(reverse("knowledge:remove_index", args=[former.pk]), follow=True).content.decode()
    assert "Being removed" in page


def test_an_administrator_compares_only_what_they_may_read(
    ada: User, signed_in: SignIn, other: Model, published: Source
) -> None:
    complete(start_generation(actor=ada, model=other))
    page = signed_in(ada).get(PAGE, {"q": "days of annual leave"}).content.decode()
    assert "calendar year" not in page
    assert page.count("Nothing that you may read.") == 2


def test_progress_is_told_while_it_is_built_and_the_page_drawn_anew_after(
    ada: User, signed_in: SignIn, other: Model, published: Source
) -> None:
    factories.make_document(source=published, title="Long", paragraphs=[f"Paragraph {n}" for n in range(198)])
    generation = start_generation(actor=ada, model=other)
    address = reverse("knowledge:index_progress", args=[generation.pk])
    browser = signed_in(ada)
    assert "0 of 200 passages, 0 %" in browser.get(address).content.decode()
    build(generation.pk, seconds=0)
    told = browser.get(address)
    assert "64 of 200 passages, 32 %" in told.content.decode()
    assert "HX-Refresh" not in told.headers
    assert "less than a minute left" in told.content.decode()
    IndexGeneration.objects.update(lease_until=None)
    complete(generation)
    assert browser.get(address).headers["HX-Refresh"] == "true"


def test_what_stands_against_a_deed_is_said_on_the_page(
    ada: User, signed_in: SignIn, other: Model, published: Source, scripted_server: ScriptedServer
) -> None:
    browser = signed_in(ada)
    scripted_server.script("broken")
    page = browser.post(reverse("knowledge:start_index"), {"model": str(other.pk)}, follow=True).content.decode()
    assert "The embedding server answers with status 500." in page
    for wrong in ("nonsense", "0199aaaa-0000-7000-8000-000000000000"):
        page = browser.post(reverse("knowledge:start_index"), {"model": wrong}, follow=True).content.decode()
        assert "There is no such embedding model. Choose one of the list." in page
    page = browser.post(reverse("knowledge:remove_index", args=[serving_generation().pk]), follow=True)
    assert "Searches use this index." in page.content.decode()


def test_a_model_set_up_since_is_pointed_out(
    ada: User, signed_in: SignIn, published: Source, scripted_server: ScriptedServer, settings: object
) -> None:
    settings.EMBEDDING_URL, settings.EMBEDDING_NAME = scripted_server.url, "new"  # type: ignore[attr-defined]
    page = " ".join(signed_in(ada).get(PAGE).content.decode().split())
    assert "Searches still use all-minilm-l6-v2; new is set up now." in page
    assert "Build its index below" in page


def test_a_stopped_index_says_why_and_goes_on_when_asked(
    ada: User, signed_in: SignIn, other: Model, published: Source
) -> None:
    generation = start_generation(actor=ada, model=other)
    IndexGeneration.objects.filter(pk=generation.pk).update(state=State.FAILED, error="It cannot be reached.")
    browser = signed_in(ada)
    assert "It cannot be reached. See to its server, then try again." in browser.get(PAGE).content.decode()
    browser.post(reverse("knowledge:retry_index", args=[generation.pk]))
    assert complete(generation).state == State.READY


def test_every_generation_has_its_share_of_the_table(ada: User, other: Model, published: Source) -> None:
    complete(start_generation(actor=ada, model=other))
    big, small = generation_states()
    assert (big.generation.dimensions, small.generation.dimensions) == (384, 8)
    assert big.size_bytes > small.size_bytes > 0
    assert (big.percent, big.missing) == (100, 0)


def test_programs_build_swap_and_remove(ada: User, with_key: SignIn, other: Model, published: Source) -> None:
    program = with_key(ada)
    made = program.post(API, {"model_id": str(other.pk)}, content_type="application/json")
    assert made.status_code == 202
    generation = made.json()["id"]
    assert made.json()["state"] == "building" and made.json()["dimensions"] == 8
    assert program.post(f"{API}/{generation}/serve").status_code == 409
    complete(IndexGeneration.objects.get(pk=generation))
    served = program.post(f"{API}/{generation}/serve").json()
    assert (served["state"], served["passages_done"]) == ("serving", served["passages_total"])
    listed = program.get(API).json()["items"]
    assert [one["state"] for one in listed] == ["serving", "ready"]
    assert program.delete(f"{API}/{generation}").status_code == 409
    assert program.delete(f"{API}/{listed[1]['id']}").json()["state"] == "removing"


@pytest.mark.parametrize("generation", ["0", "99999999999", "-1", "1e3", "x", "٣"])
def test_what_is_no_index_is_not_found(ada: User, with_key: SignIn, generation: str) -> None:
    assert with_key(ada).post(f"{API}/{generation}/serve").status_code == 404


def test_the_page_costs_the_same_for_two_indexes_and_for_six(
    ada: User, signed_in: SignIn, published: Source, django_assert_max_num_queries: object
) -> None:
    browser = signed_in(ada)
    counts = []
    for many in (1, 5):
        for number in range(many):
            IndexGeneration.objects.create(embedding_name=f"m{many}{number}", dimensions=8, state=State.READY)
        browser.get(PAGE)
        with django_assert_max_num_queries(40) as captured:  # type: ignore[operator]
            browser.get(PAGE)
        counts.append(len(captured))
    assert counts[0] == counts[1]
