"""What people say is sealed: it comes back in every way, stands nowhere in plain, and opens in its own place alone."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction

from accounts.models import AuditEvent, PersonKey, User
from accounts.people.handing_over import hand_over, merge_people
from accounts.sealed import person_keys
from accounts.sealed.fields import SealedField, SealedModel, erased, sealed_fields
from accounts.sealed.person_keys import KeyDestroyedError, destroy_key, key_of
from app.errors import NotFoundError
from chat.composing.branches import said_on
from chat.exporting.everything import write_everything
from chat.models import Attachment, Conversation, Feedback, Instructions, Message, Reply, SavedPrompt, Share
from chat.pages.finding import Wanted, find_messages, find_titles
from chat.verbs import instructing, prompting, rating, replying
from chat.writing import file_bytes
from knowledge.files import path_of
from moderation.models import Case, CaseEvent, Decision
from moderation.review.cases import claim_case, decide_case
from tests import factories
from tests.chat.files import bring
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db

CANARY = "Quetzalcoatlus"
# Columns of words that are not sealed, and whose words they are instead.
OPEN = {
    "chat.Assistant": "the organisation's",
    "chat.PromptVersion": "the organisation's",
    "chat.Citation.quote": "the organisation's: a passage of a document",
    "chat.Tag.name": "a person's, in an order and once each, which the database sees to",
    "chat.SavedPrompt.name": "a person's, in an order that pages follow",
    "chat.Message.client_id": "a program's",
    "chat.Message.lease_owner": "Parley's",
    "chat.Message.error_code": "Parley's",
    "chat.Message.grounds": "places in the text, no words",
    "chat.Generation": "Parley's: figures and names of models",
    "chat.Feedback.reason": "one of Parley's",
    "chat.Attachment.media_type": "one of Parley's",
    "chat.Attachment.sha256": "a digest",
    "chat.Attachment.file": "Parley's",
    "chat.Attachment.picture": "Parley's",
    "chat.Attachment.thumbnail": "Parley's",
    "chat.Share.digest": "a digest",
    "moderation.Policy": "the organisation's",
    "moderation.PolicyVersion": "the organisation's",
    "moderation.Case.content_kind": "Parley's",
    "moderation.Case.rule": "the organisation's",
    "moderation.Case.reason": "the organisation's: the rule's",
}


@pytest.fixture
def talk(alice: User) -> Conversation:
    return factories.make_conversation(owner=alice, title=f"About {CANARY}")


@pytest.fixture
def world(alice: User, bob: User, dana: User, talk: Conversation) -> Conversation:
    """Something of everything that a person can say, each with the canary in it."""
    question = factories.make_message(conversation=talk, text=f"What is a {CANARY}?")
    log = [
        [1, "accepted", None],
        [2, "delta", 24],
        [3, "error", f'{{"code": "x", "message": "{CANARY}", "retry": false}}'],
    ]
    answer = factories.make_answer(
        conversation=talk, parent=question, text=f"A {CANARY} flies.", evidence=[{"quote": CANARY}], log=log
    )
    held = factories.make_answer(
        conversation=factories.make_conversation(owner=alice),
        text="",
        held_text=CANARY,
        state="held",
        error=f"No {CANARY}.",
    )
    bring(alice, talk, f"{CANARY}.md", f"# The {CANARY}\n\nA {CANARY} has long wings.\n")
    Attachment.objects.update(note=f"A {CANARY}.", asked_at=answer.created_at)
    feedback = rating.rate_answer(alice, answer=answer, value=-1, reason="wrong", text=f"No {CANARY} at all.")
    replying.reply_to(dana, feedback_id=feedback.pk, text=f"The {CANARY} is right.")
    instructing.write_instructions(alice, about=f"I keep a {CANARY}.", manner=f"Say {CANARY} often.", is_on=True)
    prompting.create_prompt(alice, name="Ask", text=f"Tell me about {CANARY}.")
    factories.make_share(conversation=talk, people=[bob], note=f"See the {CANARY}.")
    case = factories.make_case(
        subject=alice, content_id=held.pk, question=f"A {CANARY}?", answer=CANARY, context=[{"quote": CANARY}]
    )
    Case.objects.filter(pk=case.pk).update(appeal=f"My {CANARY}!")
    fence = claim_case(dana, case_id=case.pk).fence
    decide_case(dana, case_id=case.pk, action="escalate", reason=f"Who knows a {CANARY}?", fence=fence)
    Decision.objects.update(text=f"Another {CANARY}.")
    return talk


def columns_with(words: str) -> set[str]:
    """The columns of all tables in which these words stand, in any letters, as text, JSON or bytes."""
    kinds = "('text', 'character varying', 'jsonb', 'json', 'ARRAY', 'bytea')"
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name, column_name, data_type from information_schema.columns where table_schema = 'public' "
            f"and (data_type in {kinds} or udt_name = 'tsvector')"
        )
        for table, column, kind in cursor.fetchall():
            text = f"encode({column}, 'escape')" if kind == "bytea" else f'"{column}"::text'
            cursor.execute(f'select exists (select from "{table}" where {text} ilike %s)', [f"%{words}%"])
            if cursor.fetchone() == (True,):
                found.add(f"{table}.{column}")
    return found


def test_no_word_stands_in_the_database_nor_on_disk(world: Conversation) -> None:
    assert columns_with(CANARY) == set()
    file = Attachment.objects.get()
    assert CANARY.encode() not in path_of(file.file).read_bytes()
    assert not list((Path(settings.FILES_ROOT) / "drafts").iterdir())


def test_the_walk_finds_what_is_plain(world: Conversation) -> None:
    """Or the test above would say nothing."""
    with connection.cursor() as cursor:
        cursor.execute("update chat_message set text = %s, log = to_jsonb(%s::text)", [f"a {CANARY}", CANARY.lower()])
    assert columns_with(CANARY) == {"chat_message.text", "chat_message.log"}


def test_every_column_of_words_is_sealed_or_said_to_be_open() -> None:
    undecided = []
    for model in [*apps.get_app_config("chat").get_models(), *apps.get_app_config("moderation").get_models()]:
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, models.TextField | models.CharField | models.JSONField | ArrayField)
            if not is_text or field.choices or isinstance(field, SealedField):
                continue
            names = {model._meta.label, f"{model._meta.label}.{field.name}"}
            if not names & OPEN.keys():
                undecided.append(f"{model._meta.label}.{field.name}")
    assert undecided == []


def test_everything_comes_back_in_rows(world: Conversation, alice: User) -> None:
    person_keys.forget()
    question, answer = world.messages.order_by("created_at", "pk")
    held = Message.objects.get(state="held")
    assert question.text == f"What is a {CANARY}?" and answer.text == f"A {CANARY} flies."
    assert answer.evidence == [{"quote": CANARY}] and CANARY in answer.log[2][2]
    assert held.held_text == CANARY and held.error == f"No {CANARY}."
    assert Conversation.objects.get(pk=world.pk).title == f"About {CANARY}"
    file = Attachment.objects.get()
    assert (file.name, file.note) == (f"{CANARY}.md", f"A {CANARY}.") and CANARY in file.text
    [passage] = file.passages.all()
    assert CANARY in passage.text and passage.heading_path == [f"The {CANARY}"]
    assert Feedback.objects.get().text == f"No {CANARY} at all."
    assert Reply.objects.get().text == f"The {CANARY} is right."
    assert Instructions.objects.get().about == f"I keep a {CANARY}."
    assert SavedPrompt.objects.get().text == f"Tell me about {CANARY}."
    assert Share.objects.get().note == f"See the {CANARY}."
    case = Case.objects.get()
    assert (case.question, case.appeal, case.context) == (f"A {CANARY}?", f"My {CANARY}!", [{"quote": CANARY}])
    assert Decision.objects.get().reason == f"Who knows a {CANARY}?"
    assert any(CANARY in one.note for one in CaseEvent.objects.all())
    assert list(Message.objects.order_by("created_at", "pk").values_list("text", "pk")[:1]) == [
        (question.text, question.pk)
    ]


def test_everything_comes_back_in_every_way(
    world: Conversation, alice: User, dana: User, signed_in: SignIn, with_key: SignIn, tmp_path: Path
) -> None:
    browser, program = signed_in(alice), with_key(alice)
    page = browser.get(f"/c/{world.pk}/").content.decode()
    assert f"A {CANARY} flies." in page and f"About {CANARY}" in page
    answer = Message.objects.get(role="assistant", state="done")
    assert program.get(f"/api/v1/messages/{answer.pk}").json()["text"] == f"A {CANARY} flies."
    assert f"A {CANARY} flies." in browser.get(f"/c/{world.pk}/export/?format=md").content.decode()
    assert CANARY in signed_in(dana).get(f"/review/{Case.objects.get().pk}/").content.decode()
    assert {one.text for one in said_on(world.pk)} >= {f"What is a {CANARY}?"}
    out = tmp_path / "all.zip"
    write_everything(alice, out)
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert all(CANARY in text for name, text in texts.items() if name.startswith(("conv", "inst", "prom", "files/")))
    file = Attachment.objects.get()
    got = browser.get(f"/files/{file.pk}/original")
    assert b"".join(got.streaming_content).decode().startswith(f"# The {CANARY}")


def test_words_are_found_and_shown(world: Conversation, alice: User, bob: User) -> None:
    [hit] = find_messages(alice, Wanted("quetz fli")).items
    assert "".join(part.text for part in hit.snippet if part.is_marked) == f"{CANARY}flies"
    assert find_titles(alice, "quetz", limit=5)[0] == world
    assert find_messages(bob, Wanted("quetz")).items == []


def test_what_was_written_before_there_were_keys_is_read_and_found(alice: User, talk: Conversation) -> None:
    message = factories.make_message(conversation=talk)
    with connection.cursor() as cursor:
        cursor.execute(
            "update chat_message set text = 'An old zebra', words = to_tsvector('simple', 'an old zebra') "
            "|| array_to_tsvector(array['of ' || %s]) where id = %s",
            [str(alice.pk), message.pk],
        )
    message.refresh_from_db()
    assert message.text == "An old zebra"
    assert [hit.message.pk for hit in find_messages(alice, Wanted("zeb -horse")).items] == [message.pk]


MOVED = "update {table} a set {column} = b.{column} from {table} b where a.id = %s and b.id = %s"


@pytest.mark.parametrize("column", ["text", "evidence", "log"])
def test_what_was_moved_to_another_row_does_not_open(alice: User, talk: Conversation, column: str) -> None:
    said: dict[str, Any] = {"text": CANARY, "evidence": [{"quote": CANARY}], "log": [[1, CANARY, None]]}
    mine, other = (factories.make_message(conversation=talk, **said) for _ in range(2))
    with connection.cursor() as cursor:
        cursor.execute(MOVED.format(table="chat_message", column=column), [other.pk, mine.pk])
    other.refresh_from_db()
    assert getattr(other, column) == (erased() if column == "text" else [])


def test_what_was_moved_to_another_column_or_changed_does_not_open(alice: User, talk: Conversation) -> None:
    message = factories.make_message(conversation=talk, text=CANARY)
    with connection.cursor() as cursor:
        cursor.execute("update chat_message set held_text = text where id = %s", [message.pk])
        cursor.execute("update chat_message set text = left(text, -4) || 'AAA=' where id = %s", [message.pk])
    message.refresh_from_db()
    assert message.held_text == message.text == erased()


def test_a_sealed_column_is_never_written_nor_asked_in_plain(alice: User, talk: Conversation) -> None:
    message = factories.make_message(conversation=talk)
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        models.QuerySet(Message).filter(pk=message.pk).update(text="plain")
    with pytest.raises(TypeError, match="sealed"):
        Message.objects.filter(text="plain").exists()
    message.text = "changed"
    with pytest.raises(TypeError, match="sealed"), transaction.atomic():
        Message.objects.bulk_update([message], ["text"])


def test_who_is_erased_says_nothing_any_more(world: Conversation, alice: User, dana: User) -> None:
    place = Attachment.objects.get().file
    assert destroy_key(dana, alice) == 1
    for model in [one for one in apps.get_models() if issubclass(one, SealedModel)]:
        for row in model._default_manager.all():  # type: ignore[attr-defined]
            for name in sealed_fields(model):
                assert CANARY not in str(getattr(row, name)), f"{model.__name__}.{name}"
    assert world.messages.get(role="user").text == "This text was erased."
    with pytest.raises(NotFoundError):
        list(file_bytes.pieces_at(place, Attachment.objects.get()))
    tomb = PersonKey.objects.get(user=alice)
    assert tomb.wrapped is None and tomb.destroyed_at
    assert AuditEvent.objects.filter(action="key.destroy", object=f"user:{alice.pk}").exists()
    with pytest.raises(KeyDestroyedError):
        factories.make_message(conversation=world, text="More")


def test_pages_about_who_was_erased_are_shown_all_the_same(
    world: Conversation, alice: User, bob: User, dana: User, signed_in: SignIn
) -> None:
    destroy_key(dana, alice)
    file, case = Attachment.objects.get(), Case.objects.get()
    own = [
        "/",
        f"/c/{world.pk}/",
        "/search/?q=quetz",
        f"/c/{world.pk}/export/?format=md",
        f"/c/{world.pk}/export/?format=json",
    ]
    for address in [*own, "/account/instructions/", "/prompts/", "/shares/", f"/files/{file.pk}/"]:
        assert signed_in(alice).get(address).status_code == 200, address
    assert signed_in(alice).get(f"/files/{file.pk}/original").status_code == 404
    for address in [f"/review/{case.pk}/", "/review/", "/review/feedback/"]:
        assert signed_in(dana).get(address).status_code == 200, address


def test_shared_work_goes_under_the_key_of_its_new_owner(alice: User, bob: User, ada: User, crew: Any) -> None:
    prompting.create_prompt(alice, name="Ask", text=CANARY, group=crew)
    hand_over(actor=ada, person=alice, to=bob)
    destroy_key(ada, alice)
    assert SavedPrompt.objects.get().text == CANARY


def test_what_comes_with_a_merged_account_stays_open(world: Conversation, alice: User, bob: User, ada: User) -> None:
    merge_people(actor=ada, person=alice, into=bob)
    person_keys.forget()
    assert Conversation.objects.get(pk=world.pk).title == f"About {CANARY}"
    assert world.messages.get(role="user").text == f"What is a {CANARY}?"
    assert {key.user_id for key in PersonKey.objects.filter(user__in=[alice, bob])} == {bob.pk}
    assert key_of(bob.pk).is_present
    destroy_key(ada, bob)
    assert world.messages.get(role="user").text == erased()


def test_a_key_that_was_undone_with_its_transaction_is_not_used(alice: User) -> None:
    """Somebody whose account is older than keys are gets theirs in a transaction that may fail."""
    PersonKey.objects.all().delete()
    person_keys.forget()
    with pytest.raises(RuntimeError), transaction.atomic():
        key_of(alice.pk)
        raise RuntimeError
    assert not PersonKey.objects.exists()
    key = key_of(alice.pk)
    assert PersonKey.objects.get().pk == key.id
