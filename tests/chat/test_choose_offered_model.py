"""Choosing a model where the assistant offers some: remembered, honoured, and never one that is not offered."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from app.errors import BadInputError, NotFoundError
from app.inference.registry import ensure_model, register_worker
from app.operations.pool.errors import InUseError
from app.operations.pool.setting_models import remove_model
from app.web.threads import in_thread
from chat.composing.setups import load_setup
from chat.models import Assistant, Conversation, Generation
from chat.verbs.asking import ask, start_conversation
from chat.verbs.choosing_models import choose_model
from chat.verbs.standing import stand
from tests import factories
from tests.chat.reading import Reader

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def large(writer, scripted_server):
    model = ensure_model(name="large", role="generate")
    register_worker(model_name="large", address=scripted_server.url)
    writer.offers_models.add(model)
    return model


@pytest.fixture
def unoffered(db):
    return ensure_model(name="secret", role="generate")


def chain(alice, conversation):
    return stand(alice, conversation).setup.models_for(conversation.id, conversation.model_id)


async def test_the_chosen_model_writes(running, large, alice, conversation, alice_key, scripted_server):
    await in_thread(lambda: choose_model(alice, conversation=conversation, model=large))
    async with Reader(conversation.id, key=alice_key) as reader:
        await reader.ask("How many days?")
        done = await reader.until("done")
    assert scripted_server.requests[-1].body["model"] == "large"
    assert (await Generation.objects.aget(message_id=done["message_id"])).model_name == "large"


def test_it_is_remembered_and_the_others_stand_behind_it(alice, large, writer, conversation):
    writer.fallbacks.create(model=ensure_model(name="spare", role="generate"), position=1)
    choose_model(alice, conversation=conversation, model=large)
    conversation = Conversation.objects.get(pk=conversation.pk)
    assert chain(alice, conversation) == ("large", "scripted", "spare")
    choose_model(alice, conversation=conversation, model=writer.model)
    assert chain(alice, conversation) == ("scripted", "spare")
    assert Conversation.objects.get(pk=conversation.pk).model is None
    events = AuditEvent.objects.filter(action="conversation.choose_model", object=f"conversation:{conversation.pk}")
    assert events.count() == 2


def test_a_choice_comes_before_a_model_on_trial(alice, large, writer, conversation):
    writer.canary, writer.canary_percent = ensure_model(name="trial", role="generate"), 100
    writer.save()
    assert chain(alice, conversation) == ("trial", "scripted")
    choose_model(alice, conversation=conversation, model=large)
    assert chain(alice, conversation) == ("large", "scripted")


def test_what_is_not_offered_cannot_be_chosen(alice, large, unoffered, writer, conversation):
    with pytest.raises(BadInputError, match="does not offer secret"):
        choose_model(alice, conversation=conversation, model=unoffered)
    with pytest.raises(BadInputError, match="does not offer secret"):
        start_conversation(alice, assistant=writer, model=unoffered)
    assert start_conversation(alice, assistant=writer, model=large).model == large


def test_what_is_offered_no_more_writes_no_more(alice, large, writer, conversation, signed_in):
    choose_model(alice, conversation=conversation, model=large)
    writer.offers_models.clear()
    ask(alice, conversation=conversation, text="Still?")
    assert chain(alice, conversation) == ("scripted",)
    page = signed_in(alice).get(reverse("chat:conversation", args=[conversation.pk])).content.decode()
    assert "large is not offered here any more; scripted writes instead." in page


def test_one_that_became_the_assistants_own_writes_and_nothing_is_said(alice, large, writer, conversation, signed_in):
    choose_model(alice, conversation=conversation, model=large)
    writer.model = large
    writer.save()
    page = signed_in(alice).get(reverse("chat:conversation", args=[conversation.pk])).content.decode()
    assert "is not offered here any more" not in page


def test_an_assistant_that_was_taken_away_takes_no_choice(alice, large, writer, conversation):
    Assistant.objects.filter(pk=writer.pk).update(is_for_everyone=False)
    with pytest.raises(NotFoundError):
        choose_model(alice, conversation=conversation, model=large)


def test_an_assistant_that_quotes_offers_nothing(alice, large, writer, conversation, signed_in):
    Assistant.objects.filter(pk=writer.pk).update(mode="quote")
    with pytest.raises(BadInputError):
        choose_model(alice, conversation=conversation, model=large)
    assert '<select name="model"' not in signed_in(alice).get("/", {"assistant": writer.slug}).content.decode()


def test_the_page_offers_them_and_remembers(alice, large, writer, conversation, signed_in):
    client = signed_in(alice)
    assert f'value="{large.pk}"' in client.get("/", {"assistant": writer.slug}).content.decode()
    form = {"text": "How many days?", "assistant": writer.slug, "model": str(large.pk)}
    begun = client.post(reverse("chat:new"), form)
    made = Conversation.objects.latest("created_at")
    assert (begun.status_code, made.model) == (302, large)
    address = reverse("chat:conversation", args=[made.pk])
    page = " ".join(client.get(address).content.decode().split())
    assert f'<option value="{large.pk}" selected>' in page
    client.post(reverse("chat:ask", args=[made.pk]), {"text": "And now?", "model": ""})
    made.refresh_from_db()
    assert made.model is None
    client.post(reverse("chat:choose_model", args=[made.pk]), {"model": str(large.pk)})
    client.post(reverse("chat:ask", args=[made.pk]), {"text": "Without a word of models."})
    made.refresh_from_db()
    assert made.model == large


@pytest.mark.parametrize("named", ["nonsense", "0199b9a0-0000-7000-8000-000000000000", "secret"])
def test_a_form_cannot_name_another(alice, large, unoffered, conversation, signed_in, named):
    model = str(unoffered.pk) if named == "secret" else named
    answer = signed_in(alice).post(reverse("chat:choose_model", args=[conversation.pk]), {"model": model})
    assert answer.status_code == 422
    conversation.refresh_from_db()
    assert conversation.model is None


def test_anothers_conversation_is_not_there(charlie, large, conversation, signed_in):
    form = {"model": str(large.pk)}
    assert signed_in(charlie).post(reverse("chat:choose_model", args=[conversation.pk]), form).status_code == 404


def test_a_renamed_or_removed_offer_holds_from_the_next_question_on(alice, ada, large, writer, conversation):
    choose_model(alice, conversation=conversation, model=large)
    assert chain(alice, conversation)[0] == "large"
    type(large).objects.filter(pk=large.pk).update(name="larger")
    assert chain(alice, conversation)[0] == "larger"
    large.workers.all().delete()
    with pytest.raises(InUseError, match="still offered"):
        remove_model(ada, model=large)
    writer.offers_models.clear()
    remove_model(ada, model=large)
    assert chain(alice, conversation) == ("scripted",)


def test_the_admin_site_offers_models_that_write(signed_in, ada, large, writer):
    embeds = factories.make_model(name="embeds", role="embed")
    page = reverse("admin:chat_assistant_change", args=[writer.pk])
    form = {"name": "Writer", "slug": "writer", "mode": "generate", "model": str(writer.model_id), "max_tokens": 300}
    form |= {"is_active": "on", "is_for_everyone": "on", "suggestions": "", "instructions": ""}
    client = signed_in(ada)
    assert client.post(page, form | {"offers_models": [str(embeds.pk)]}).status_code == 200
    assert load_setup(writer.pk).offered == {large.pk: "large"}
    assert client.post(page, form | {"offers_models": []}).status_code == 302
    assert load_setup(writer.pk).offered == {}
    quotes = client.post(page, form | {"mode": "quote", "offers_models": [str(large.pk)]})
    assert "has no models to offer" in quotes.content.decode()
