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
