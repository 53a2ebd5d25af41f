"""Keys are rotated while people work: nothing is lost, nobody notices, and a run that was killed is taken up again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from accounts.models import AuditEvent, KeyRotation, PersonKey, User
from accounts.sealed import person_keys, rotating
from accounts.sealed.fields import key_id_of
from accounts.sealed.person_keys import key_of
from app import master_keys, sealing
from app.errors import BadInputError, ConflictError
from app.master_keys import MasterKeyError, present
from chat.models import Attachment, Conversation, Message
from chat.pages.finding import Wanted, find_messages
from chat.writing import file_bytes
from knowledge.files import path_of
from tests import factories
from tests.chat.files import LETTER, bring

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "an-old-master-key-that-is-long-enough", "a-new-master-key-that-is-long-enough"


@pytest.fixture(autouse=True)
def nothing_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(person_keys, "LIFETIME_SECONDS", 0.0)


@pytest.fixture
def old_master(settings: Any) -> None:
    settings.MASTER_KEY = OLD


@pytest.fixture
def talk(alice: User) -> Conversation:
    return factories.make_conversation(owner=alice, title="Wings")


def stood(message: Message) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select text from chat_message where id = %s", [message.pk])
        return str(cursor.fetchone()[0])


def make_plain(message: Message, text: str) -> None:
    """As before there were keys."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update chat_message set text = %s, log = %s, words = to_tsvector('simple', %s) "
            "|| array_to_tsvector(array['of ' || owner_id::text]) where id = %s",
            [text, '[[1, "accepted", null]]', text.lower(), message.pk],
        )


def found(user: User, words: str) -> int:
    return len(find_messages(user, Wanted(words)).items)


def test_what_is_plain_is_sealed(alice: User, talk: Conversation) -> None:
    message = factories.make_message(conversation=talk)
    make_plain(message, "An old zebra")
    rotation = rotating.rotate()
    assert rotation.sealed == 1 and stood(message).startswith("sealed:1:")
    message.refresh_from_db()
    assert (message.text, message.log) == ("An old zebra", [[1, "accepted", None]])
    assert found(alice, "zeb") == 1
    with connection.cursor() as cursor:
        cursor.execute("select words::text like '%%zebra%%' from chat_message")
        assert cursor.fetchone() == (False,)
    assert rotating.rotate().sealed == 0


def test_everybody_gets_another_key(alice: User, bob: User, talk: Conversation) -> None:
    message = factories.make_message(conversation=talk, text="A zebra")
    file = bring(alice, talk)
    before = {key.pk for key in PersonKey.objects.all()}
    rotating.rotate(person_keys=True)
    key = key_of(alice.pk)
    assert key.id not in before and key_id_of(stood(message)) == key.id
    assert not PersonKey.objects.filter(pk__in=before, destroyed_at=None).exists()
    message.refresh_from_db()
    assert message.text == "A zebra" and found(alice, "zeb") == 1
    file = Attachment.objects.get(pk=file.pk)
    assert file.text.strip() == LETTER.strip()
    assert b"".join(file_bytes.pieces_at(file.file, file)).decode() == LETTER
    assert file_bytes.key_id_of_file(path_of(file.file)) == key.id


def test_a_master_key_is_replaced_and_the_one_before_not_needed_any_more(
    old_master: None, alice: User, talk: Conversation, settings: Any
) -> None:
    message = factories.make_message(conversation=talk, text="A zebra")
    worker = factories.make_worker(address="http://127.0.0.1:1")
    worker.set_api_key("secret of a server")
    worker.save()
    settings.MASTER_KEY = f"{NEW} {OLD}"
    call_command("rotate_keys", "--master", verbosity=0)
    settings.MASTER_KEY = NEW
    person_keys.forget()
    message.refresh_from_db()
    worker.refresh_from_db()
    assert message.text == "A zebra" and found(alice, "zeb") == 1
    assert worker.open_api_key() == "secret of a server" and sealing.is_present(worker.api_key_encrypted)
    assert set(PersonKey.objects.values_list("master_id", flat=True)) == {present().id}
    told = AuditEvent.objects.filter(action__startswith="key.").order_by("-at").values_list("action", flat=True)
    assert list(told[:2]) == ["key.rotated", "key.rotate"]


def test_without_the_right_master_key_nothing_opens_and_nothing_is_lost(
    old_master: None, alice: User, talk: Conversation, settings: Any
) -> None:
    factories.make_message(conversation=talk, text="A zebra")
    settings.MASTER_KEY = NEW
    person_keys.forget()
    with pytest.raises(MasterKeyError, match="was not given"):
        person_keys.check_master_keys()
    with pytest.raises(MasterKeyError, match="Nothing is lost"):
        Message.objects.get()
    with pytest.raises(CommandError, match="MASTER_KEY_FILE"):
        call_command("rotate_keys", "--master")
    settings.MASTER_KEY = OLD
    assert Message.objects.get().text == "A zebra"


class KilledError(BaseException):
    """As kill -9 would, it leaves everything where it is."""


@pytest.mark.parametrize("how", [{}, {"master": True}, {"person_keys": True}, {"master": True, "person_keys": True}])
def test_a_run_that_was_killed_is_taken_up(
    old_master: None,
    alice: User,
    talk: Conversation,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    how: dict[str, Any],
) -> None:
    """At every place at which it tells how far it is."""
    monkeypatch.setattr(rotating, "BATCH", 2)
    settings.MASTER_KEY = f"{NEW} {OLD}"
    messages = [factories.make_message(conversation=talk) for _ in range(5)]
    for number, message in enumerate(messages):
        make_plain(message, f"Zebra number {number}")

    def killed_at(place: int) -> Callable[[KeyRotation], None]:
        said = iter(range(10_000))

        def tell(rotation: KeyRotation) -> None:
            if next(said) == place:
                raise KilledError

        return tell

    for place in (0, 2, 5, 9, 14, 20, 27):
        try:
            rotating.rotate(**how, tell=killed_at(place))
        except KilledError:
            person_keys.forget()
            texts = Message.objects.order_by("created_at", "pk").values_list("text", flat=True)
            assert list(texts) == [f"Zebra number {number}" for number in range(5)]
            assert found(alice, "zeb") == 5
    rotating.rotate(**how)
    key = key_of(alice.pk)
    assert {key_id_of(stood(message)) for message in messages} == {key.id}
    assert found(alice, "zeb") == 5 and not KeyRotation.objects.filter(finished_at=None).exists()


def test_what_is_written_meanwhile_stays(alice: User, talk: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading a row and writing it somebody else wrote it."""
    message = factories.make_message(conversation=talk, text="First")
    needs, seen = rotating._needs, []

    def written_meanwhile(*args: Any) -> bool:
        if len(seen) < 1:
            seen.append(1)
            message.text = "Second"
            message.save()
        return needs(*args)

    monkeypatch.setattr(rotating, "_needs", written_meanwhile)
    rotating.rotate(person_keys=True)
    message.refresh_from_db()
    assert seen and message.text == "Second" and key_id_of(stood(message)) == key_of(alice.pk).id


def test_the_keys_before_stay_while_something_is_under_them(
    alice: User, talk: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is being read is left alone."""
    file = bring(alice, talk)
    before = key_of(alice.pk).id
    Attachment.objects.filter(pk=file.pk).update(state=Attachment.State.READING)
    rotating.rotate(person_keys=True)
    assert PersonKey.objects.get(pk=before).destroyed_at is None
    assert b"".join(file_bytes.pieces_at(file.file, file)).decode() == LETTER


def test_two_at_once_are_one(alice: User) -> None:
    import psycopg

    from accounts.auditing.sealing import address

    with psycopg.connect(**address()) as other:
        other.execute("select pg_advisory_lock(%s)", [rotating._LOCK])
        with pytest.raises(ConflictError, match="another process"):
            rotating.rotate()


def test_the_command_says_how_far_it_is(alice: User, talk: Conversation, capsys: pytest.CaptureFixture[str]) -> None:
    make_plain(factories.make_message(conversation=talk), "An old zebra")
    call_command("rotate_keys")
    out = capsys.readouterr().out
    assert "Sealing texts and files (chat_message): " in out and "Done: 1 rows and files were sealed." in out


@pytest.mark.parametrize(
    ("given", "command", "said"),
    [
        ("short", None, "at least 32 characters"),
        ("# nothing", None, "has no key in it"),
        (OLD, "echo x", "both set"),
        (None, "no-such-program", "cannot be run"),
        (None, "false", "failed with status 1: it said nothing"),
        (None, "sh -c 'echo no key >&2; exit 3'", "status 3: no key"),
        (None, "echo short", "at least 32 characters"),
        (None, "true", "has no key in it"),
        (None, "sleep 5", "did not end within"),
        (None, "echo 'unclosed", "cannot be run"),
    ],
)
def test_a_master_key_that_cannot_be_had_is_said(
    settings: Any, monkeypatch: pytest.MonkeyPatch, given: str | None, command: str | None, said: str
) -> None:
    monkeypatch.setattr(master_keys, "COMMAND_SECONDS", 0.5)
    settings.MASTER_KEY, settings.MASTER_KEY_COMMAND = given, command
    with pytest.raises(BadInputError, match=said):
        master_keys.master_keys()


def test_a_master_key_by_a_command_is_the_same_as_by_the_environment(settings: Any) -> None:
    settings.MASTER_KEY = f"{NEW}\n# the one before\n{OLD}\n"
    given = master_keys.master_keys()
    settings.MASTER_KEY, settings.MASTER_KEY_COMMAND = None, f"printf '{NEW}\\n{OLD}'"
    assert master_keys.master_keys() == given and len(given) == 2


def test_the_check_tells_when_the_key_lies_beside_the_database(settings: Any) -> None:
    from accounts.checks import check_master_key

    assert check_master_key() == []
    settings.BEHIND_TLS = True
    assert [one.id for one in check_master_key()] == ["parley.W001"]
    settings.MASTER_KEY = NEW
    assert check_master_key() == []
    settings.MASTER_KEY = "short"
    assert [one.id for one in check_master_key()] == ["parley.E001"]
