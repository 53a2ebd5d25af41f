"""Setting up assistants: prompts are versions, a capable model takes the demonstration's place, all of it recorded."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from app.errors import BadInputError, NotAllowedError
from app.inference.registry import ensure_model
from chat.assistants import adopt_model, change_assistant, create_assistant, write_prompt
from chat.models import Assistant

pytestmark = pytest.mark.django_db


@pytest.fixture
def handbook(ada):
    return create_assistant(ada, slug="handbook", name="Handbook", is_default=True, is_for_everyone=True)


def recorded(action, assistant):
    return AuditEvent.objects.filter(action=action, object=f"assistant:{assistant.pk}").count()


def test_another_wording_is_another_version(ada, handbook):
    first, second = (
        write_prompt(ada, assistant=handbook, template="A"),
        write_prompt(ada, assistant=handbook, template="B"),
    )
    handbook.refresh_from_db()
    assert (first.number, second.number, handbook.prompt) == (1, 2, second)
    assert recorded("assistant.write_prompt", handbook) == 2


def test_an_assistant_that_writes_needs_a_model(ada, handbook):
    with pytest.raises(BadInputError):
        change_assistant(ada, assistant=handbook, mode="generate")


def test_only_administrators_set_up_assistants(alice, olivia, dana, handbook):
    for person in (alice, olivia, dana):
        with pytest.raises(NotAllowedError):
            write_prompt(person, assistant=handbook, template="Mine")


def test_a_capable_model_takes_the_demonstrations_place(ada, handbook):
    demonstration = ensure_model(name="small", role="generate", is_demonstration=True)
    free = create_assistant(ada, slug="free", name="Free", mode="generate", model=demonstration)
    other = create_assistant(ada, slug="other", name="Quotes on purpose")
    capable = ensure_model(name="large", role="generate")
    assert set(adopt_model(ada, model=capable)) == {handbook, free}
    other.refresh_from_db()
    assert other.mode == "quote"
    assert set(Assistant.objects.filter(model=capable, mode="generate")) == {handbook, free}
    assert recorded("assistant.adopt_model", handbook) == 1


def test_what_an_administrator_set_afterwards_stays(ada, handbook):
    capable = ensure_model(name="large", role="generate")
    adopt_model("system", model=capable)
    handbook.refresh_from_db()
    change_assistant(ada, assistant=handbook, mode="quote")
    assert adopt_model("system", model=ensure_model(name="larger", role="generate")) == []


def chain_of(assistant):
    return [one.model.name for one in assistant.fallbacks.order_by("position")]


def test_an_assistant_has_a_chain_of_models_and_one_on_trial(ada, handbook):
    first, second, third, trial = (ensure_model(name=name) for name in ("first", "second", "third", "trial"))
    change_assistant(ada, assistant=handbook, model=first, fallbacks=[second, third], canary=trial, canary_percent=5)
    handbook.refresh_from_db()
    assert (chain_of(handbook), handbook.canary, handbook.canary_percent) == (["second", "third"], trial, 5)
    change_assistant(ada, assistant=handbook, fallbacks=[third, second])
    assert chain_of(handbook) == ["third", "second"]
    change_assistant(ada, assistant=handbook, canary=None)
    handbook.refresh_from_db()
    assert (handbook.canary, handbook.canary_percent, chain_of(handbook)) == (None, 0, ["third", "second"])
    events = AuditEvent.objects.filter(action="assistant.change", object=f"assistant:{handbook.pk}")
    assert ["second", "third"] in [event.payload.get("fallbacks") for event in events]


def test_a_chain_that_cannot_be_is_refused(ada, handbook):
    first, second = ensure_model(name="first"), ensure_model(name="second")
    embeds = ensure_model(name="embeds", role="embed")
    for wrong in (
        {"model": first, "fallbacks": [second, second]},
        {"model": first, "fallbacks": [first]},
        {"model": first, "canary": first},
        {"model": first, "canary": second, "fallbacks": [second]},
        {"model": first, "fallbacks": [embeds]},
        {"model": embeds},
        {"model": first, "canary": embeds},
        {"fallbacks": [second]},
        {"canary": second},
        {"model": first, "canary": second, "canary_percent": 101},
    ):
        with pytest.raises(BadInputError):
            change_assistant(ada, assistant=handbook, **wrong)
    handbook.refresh_from_db()
    assert (handbook.model, chain_of(handbook)) == (None, [])


def test_a_model_that_is_adopted_leaves_its_other_places(ada, handbook):
    small, large, other = ensure_model(name="small", is_demonstration=True), ensure_model(name="large"), "other"
    change_assistant(ada, assistant=handbook, mode="generate", model=small)
    change_assistant(ada, assistant=handbook, canary=ensure_model(name=other), fallbacks=[large])
    adopt_model(ada, model=large)
    handbook.refresh_from_db()
    assert (handbook.model, handbook.canary.name, chain_of(handbook)) == (large, other, [])


def test_the_admin_site_changes_an_assistant_and_its_wording(signed_in, ada, handbook):
    page = reverse("admin:chat_assistant_change", args=[handbook.pk])
    form = {"name": "Handbook", "slug": "handbook", "mode": "quote", "max_tokens": 300, "is_default": "on"}
    form |= {
        "is_active": "on",
        "is_for_everyone": "on",
        "searches": "on",
        "suggestions": "",
        "instructions": "Be brief.",
    }
    assert signed_in(ada).post(page, form).status_code == 302
    handbook.refresh_from_db()
    assert (handbook.max_tokens, handbook.prompt.template) == (300, "Be brief.")
    assert recorded("admin.change_assistant", handbook) == 1


def test_the_admin_site_names_what_is_missing(signed_in, ada, handbook):
    page = reverse("admin:chat_assistant_change", args=[handbook.pk])
    answer = signed_in(ada).post(page, {"name": "Handbook", "slug": "handbook", "mode": "generate", "max_tokens": 300})
    assert "needs a model" in answer.content.decode()


def test_nobody_else_gets_in(signed_in, alice, dana, handbook):
    page = reverse("admin:chat_assistant_change", args=[handbook.pk])
    for person in (alice, dana):
        assert signed_in(person).get(page).status_code in (302, 403)
