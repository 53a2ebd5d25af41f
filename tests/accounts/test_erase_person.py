"""Erasing a person: a word of theirs is planted wherever words go, and afterwards it is nowhere.

Every column that takes text is either filled by ``plant`` or stands in ``NO_WORDS`` with its reason, so that a new one
fails here until somebody has thought of it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import audit
from accounts.auditing.verifying import verify_log
from accounts.erasing import holdings, working
from accounts.erasing.deeds import ask_erasure, begin_erasure
from accounts.models import (
    Device,
    DirectoryPerson,
    Erasure,
    Group,
    Hold,
    IssuedCode,
    Limit,
    PersonKey,
    Program,
    Role,
    Spending,
    User,
)
from accounts.people.people import reinstate_person
from accounts.retention.holding import begin_hold, end_hold
from accounts.sealed.fields import SealedField
from app.errors import BadInputError, ConflictError, NotAllowedError
from chat.exporting import archiving
from chat.models import Attachment, AttachmentPassage, Conversation, Feedback, Instructions, Message, Reply, Share, Tag
from chat.streaming.copies import _key
from chat.verbs.exporting import request_export
from knowledge.models import Gap, GapQuestion, Source
from moderation.models import Case, CaseEvent, Decision
from tests import factories

WORD = "xqjcanary7v"
OURS = ("accounts", "chat", "knowledge", "moderation", "account", "mfa", "socialaccount", "admin", "sessions")

# Columns of text in which a person's words are not to be erased with them, by the reason why.
NO_WORDS: dict[str, str] = {}


def _are(reason: str, *columns: str) -> None:
    NO_WORDS.update(dict.fromkeys(columns, reason))


_are(
    "words of the organisation, which stay when whoever wrote them is gone",
    *("chat.Assistant.name", "chat.Assistant.description", "chat.Assistant.suggestions", "chat.PromptVersion.template"),
    *("knowledge.Source.name", "knowledge.Source.config", "knowledge.Source.include", "knowledge.Source.exclude"),
    *("knowledge.Document.title", "knowledge.Document.key", "knowledge.Document.url", "knowledge.Copy.key"),
    *("knowledge.Version.name", "knowledge.Version.title", "knowledge.Version.text", "knowledge.Gap.close_reason"),
    *("knowledge.Passage.heading_path", "knowledge.Passage.text", "knowledge.Passage.words"),
    *("knowledge.Passage.disabled_reason", "knowledge.Sync.renames", "moderation.Policy.name"),
    *("moderation.PolicyVersion.rules", "moderation.Case.rule", "moderation.Case.reason"),
    *("accounts.Group.name", "accounts.CustomRole.name", "accounts.CustomRole.description", "accounts.Program.name"),
    *("accounts.Program.redirect_uris", "accounts.DirectoryGroup.external_id"),
)
_are(
    "written by Parley: a state, a count, a fault, how something is called in a registry",
    *("chat.Assistant.slug", "chat.Message.error_code", "chat.Message.lease_owner", "chat.Generation.model_name"),
    *("chat.Generation.usage", "chat.Generation.timings", "chat.Attachment.media_type", "chat.Attachment.pages"),
    *("knowledge.Source.kind", "knowledge.Source.quality_lines", "knowledge.Source.schedule"),
    *("knowledge.Sync.failures", "knowledge.Document.reason", "knowledge.Document.quality"),
    *("knowledge.Document.fingerprint", "knowledge.Copy.fingerprint", "knowledge.Version.media_type"),
    *("knowledge.Version.pages", "knowledge.Version.report", "knowledge.Gap.embedding_name"),
    *("knowledge.IndexGeneration.error", "knowledge.IndexGeneration.embedding_name", "moderation.Policy.slug"),
    *("moderation.Case.content_kind", "accounts.User.roles", "accounts.User.granted", "accounts.User.language"),
    *("accounts.Group.external_id", "accounts.ApiKey.capabilities", "accounts.Spending.model_name"),
    *("accounts.AuditCheck.kind", "accounts.AuditCheck.faults", "accounts.AuditWitness.address"),
    *("accounts.AuditWitness.error", "accounts.CustomRole.slug", "accounts.CustomRole.capabilities"),
    *("accounts.Program.capabilities", "accounts.Program.last_used_from", "accounts.Consent.scopes"),
    *("accounts.IssuedCode.redirect_uri", "accounts.IssuedCode.scopes", "accounts.IssuedToken.scopes"),
    *("accounts.RetentionRule.kind", "accounts.RetentionRun.counts", "accounts.Erasure.step"),
    *("accounts.DirectoryPerson.suspended_by", "accounts.DirectorySync.directory_id", "accounts.DirectorySync.error"),
    *(
        "accounts.KeyRotation.place",
        "accounts.Erasure.counts",
        "socialaccount.SocialAccount.provider",
        "admin.LogEntry.object_id",
    ),
)
_are(
    "a digest, a secret, or a place that Parley named",
    *("chat.Generation.repeat_key", "chat.Attachment.sha256", "chat.Attachment.file", "chat.Attachment.picture"),
    *("chat.Attachment.thumbnail", "chat.Share.digest", "knowledge.Source.credential_encrypted"),
    *("knowledge.Document.ignored_sha256", "knowledge.Copy.sha256", "knowledge.Version.sha256"),
    *("knowledge.Version.file", "accounts.User.password", "accounts.ApiKey.digest", "accounts.ApiKey.hint"),
    *("accounts.ApiKey.previous_digest", "accounts.ApiKey.previous_hint", "accounts.Program.secret_digest"),
    *("accounts.Program.hint", "accounts.IssuedCode.digest", "accounts.IssuedCode.code_challenge"),
    *("accounts.IssuedCode.stand", "accounts.IssuedToken.digest", "accounts.IssuedToken.refresh_digest"),
    *("accounts.IssuedToken.stand", "account.EmailConfirmation.key", "sessions.Session.session_key"),
    "accounts.Device.session_key",
    *("accounts.PersonKey.wrapped", "accounts.PersonKey.master_id"),
)
_are("only whoever has its person's key could tell what it says", "chat.Message.words", "chat.AttachmentPassage.words")
_are(
    "the audit log is never cut, and takes ids, sizes and keyed digests alone; its dump is searched below",
    *("accounts.AuditEvent.actor", "accounts.AuditEvent.action", "accounts.AuditEvent.object"),
    *("accounts.AuditEvent.outcome", "accounts.AuditEvent.request_id", "accounts.AuditEvent.payload"),
    *("accounts.AuditEvent.prev", "accounts.AuditEvent.hash", "accounts.AuditCheckpoint.statement"),
    "accounts.AuditCheckpoint.signature",
)
_are(
    "never written: providers are in the settings, and their tokens are not kept",
    *(f"socialaccount.SocialApp.{name}" for name in ("provider", "provider_id", "name", "client_id", "secret")),
    *("socialaccount.SocialApp.key", "socialaccount.SocialApp.settings", "socialaccount.SocialToken.token"),
    "socialaccount.SocialToken.token_secret",
)

TEXT = (models.CharField, models.TextField, models.JSONField, models.BinaryField, models.FileField, SearchVectorField)


def columns() -> Iterator[models.Field[Any, Any]]:
    """Every column that takes text. What has choices takes no words."""
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in OURS:
            for field in model._meta.local_fields:
                plain = field.base_field if isinstance(field, ArrayField) else field
                if isinstance(plain, TEXT) and not plain.choices:
                    yield field


def name_of(field: models.Field[Any, Any]) -> str:
    return f"{field.model._meta.label}.{field.name}"


def has_word(field: models.Field[Any, Any]) -> bool:
    """Whether the word is in it; of a sealed column whether somebody with the keys reads it there."""
    if isinstance(field, SealedField):
        said = field.model._default_manager.values_list(field.name, flat=True)
        return any(WORD in str(value).lower() for value in said)
    query = f"""select exists (select from "{field.model._meta.db_table}" where "{field.column}"::text ilike %s)"""
    with connection.cursor() as cursor:
        cursor.execute(query, [f"%{WORD}%"])
        return bool(cursor.fetchone()[0])


def dump() -> Iterator[tuple[str, str]]:
    """Every row of every table as text, bytes as what they say, sessions opened."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relkind in ('r', 'm') and relnamespace = 'public'::regnamespace"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                "select attname from pg_attribute where attrelid = %s::regclass and atttypid = 'bytea'::regtype"
                " and attnum > 0 and not attisdropped",
                [f'"{table}"'],
            )
            decoded = "".join(
                f""" || ' ' || coalesce(encode(t."{name}", 'escape'), '')""" for (name,) in cursor.fetchall()
            )
            cursor.execute(f'select t::text{decoded} from "{table}" t')
            for (row,) in cursor.fetchall():
                yield table, row
    for session in Session.objects.all():
        yield "opened session", json.dumps(session.get_decoded(), default=str)


def files() -> Iterator[tuple[str, bytes]]:
    """All bytes below the data folder; what is packed in zips too. The cluster is read by ``dump``."""
    root = Path(settings.DATA.root)
    for path in root.rglob("*"):
        place = path.relative_to(root)
        if place.parts[0] in ("postgres", "models", "run") or not path.is_file():
            continue
        content = path.read_bytes()
        yield str(place), content
        if content[:2] == b"PK" and zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield f"{place}/{name}", archive.read(name)


def broker() -> Iterator[tuple[str, bytes]]:
    """Every key of Valkey with what is in it."""
    client = redis.from_url(settings.VALKEY_URL)
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        b"hash": client.hgetall,
        b"stream": client.xrange,
    }
    for key in client.scan_iter():
        yield key.decode(), key + repr(read[client.type(key)](key)).encode()


def places_of(word: str) -> set[str]:
    found = {table for table, row in dump() if word.lower() in row.lower()}
    wanted = word.lower().encode()
    found |= {place for place, content in files() if wanted in content.lower() or wanted in place.lower().encode()}
    return found | {key for key, content in broker() if wanted in content.lower()}


def plant(person: User, bob: User, dana: User, ada: User) -> None:
    """The word in everything that this person can write, and in what Parley writes of it."""
    now = timezone.now()
    _plant_chat(person, bob)
    _plant_review(person, dana)
    gap = factories.make_gap(questions=(f"Where is the {WORD}?",), asked_by=person)
    GapQuestion.objects.create(gap=gap, text="Is there a gym?", vector=[1.0, *[0.0] * 383], support="none")
    factories.make_gap(questions=(f"What is a {WORD}?",), asked_by=person)
    factories.make_key(person, name=WORD, last_used_from=WORD)
    Limit.objects.create(
        subject="person", subject_id=person.pk, subject_name=WORD, measure="money", amount=1, period="day"
    )
    session = SessionStore()
    session["typed"] = WORD
    session.create()
    Device.objects.create(user=person, session_key=session.session_key, agent=WORD, address=WORD)
    unfinished = SessionStore()
    unfinished["account_login"] = {"email": person.email}
    unfinished.create()
    factories.make_insight(reader=ada, person=person, approved_by=dana, reason=f"About {WORD} of theirs.")
    ended = Hold.objects.create(person=person, reason=f"A case against {WORD}.", ended_at=now)
    ended.people.add(person)
    EmailAddress.objects.create(user=person, email=person.email)
    DirectoryPerson.objects.create(user=person, user_name=WORD, external_id=WORD, given_name=WORD, family_name=WORD)
    factories.make_passkey(person, name=WORD)
    SocialAccount.objects.create(user=person, provider="openid", uid=WORD, extra_data={"name": WORD})
    LogEntry.objects.create(
        user=ada,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(person.pk),
        object_repr=WORD,
        action_flag=CHANGE,
        change_message=WORD,
    )
    program = factories.make_program(owner=ada)
    consent = factories.make_consent(user=person, program=program)
    factories.make_token(user=person, program=program, consent=consent)
    code = {"digest": "d" * 64, "redirect_uri": "https://x", "scopes": [], "code_challenge": "c", "stand": "s"}
    IssuedCode.objects.create(user=person, program=program, consent=consent, nonce=WORD, expires_at=now, **code)
    Spending.objects.create(day=now.date(), user=person, model_name="m", answers=3)
    User.objects.create(email=f"{WORD}-before@example.org", name=WORD, is_active=False, merged_into=person)
    cache.set(f"refused:{person.pk}:x", WORD)
    cache.set(f"mail:{person.email}", WORD)
    told = {"url": "http://x", "accounts": [{"email": person.email}, {"email": bob.email}]}
    Path(settings.DATA.demo).write_text(json.dumps(told))
    with (Path(settings.DATA.logs) / "web.log").open("a") as log:
        log.write(f"A letter to {person.email} for {person.name}.\n")


def _plant_chat(person: User, bob: User) -> None:
    conversation = factories.make_conversation(owner=person, title=f"About {WORD}")
    source = factories.make_source(owner=person, name="Papers")
    passage = factories.make_document(source=source).versions.get().passages.get()
    said = {"client_id": WORD, "error": WORD, "held_text": WORD, "evidence": [{"quote": WORD}], "grounds": {"a": WORD}}
    answer = factories.make_answer(conversation=conversation, text=WORD, log=[[1, "delta", WORD]], **said)
    factories.make_citation(message=answer, passage=passage)
    answer.citations.update(quote=WORD)
    given = Feedback.objects.create(message=answer, user=person, value=-1, reason=WORD, text=WORD)
    Reply.objects.create(feedback=given, conversation=conversation, author=bob, text=f"Sorry, {WORD}.")
    file = factories.make_file(owner=person, conversation=conversation, text=f"All about {WORD}.")
    Attachment.objects.filter(pk=file.pk).update(name=f"{WORD}.md", reason=WORD, note=WORD)
    AttachmentPassage.objects.update(heading_path=[WORD])
    factories.make_picture(owner=person, conversation=conversation)
    factories.make_prompt(owner=person, name=WORD, text=WORD)
    Instructions.objects.create(user=person, about=WORD, manner=WORD)
    factories.make_share(conversation=conversation, people=[bob], note=WORD)
    Tag.objects.create(owner=person, name=WORD).conversations.add(conversation)
    factories.make_conversation(owner=person, title=WORD, deleted_at=timezone.now())
    of_bob = factories.make_conversation(owner=bob)
    factories.make_share(conversation=of_bob, people=[person])
    factories.make_assistant(slug="theirs", owner=person)
    redis.from_url(settings.VALKEY_URL).xadd(_key(answer.pk), {"event": f'[1,"delta","{WORD}"]'})
    archiving.write_export(request_export(person).pk)


def _plant_review(person: User, dana: User) -> None:
    said = {"question": WORD, "answer": WORD, "context": [{"quote": WORD}], "appeal": WORD}
    decided = factories.make_case(
        subject=person, content_id=person.pk, state=Case.State.FINAL, reviewer=dana, final_at=timezone.now(), **said
    )
    Decision.objects.create(case=decided, reviewer=dana, action="edit", reason=WORD, text=WORD, fence=1)
    CaseEvent.objects.create(case=decided, kind="edited", actor=dana, fence=1, note=WORD)
    factories.make_case(subject=person, content_id=dana.pk, **said)


@pytest.fixture
def pia(transactional_db: None) -> Iterator[User]:
    """Keeps a source, and has her word everywhere."""
    roles = [Role.OWNER, Role.MODERATOR]
    pia = factories.make_user(WORD, roles=roles, suspended_reason=f"Left: {WORD}")
    User.objects.filter(pk=pia.pk).update(name=f"Pia {WORD}")
    pia.refresh_from_db()
    demo = Path(settings.DATA.demo)
    before = demo.read_bytes() if demo.exists() else b""
    yield pia
    if before:
        demo.write_bytes(before)
    else:
        demo.unlink(missing_ok=True)


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_person_is_left_anywhere(
    pia: User, bob: User, dana: User, ada: User, olivia: User, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(pia, bob, dana, ada)
    filled = {name_of(field) for field in columns() if has_word(field)}
    opened = {"sessions.Session.session_data"}  # packed; seen by the dump
    assert {name_of(field) for field in columns()} - filled - opened - set(NO_WORDS) == set(), (
        "plant these, or say why not"
    )
    assert filled & set(NO_WORDS) == set()
    assert {"opened session", "logs/web.log", _key(Message.objects.exclude(client_id=None).get().pk)} <= places_of(WORD)
    assert any(place.startswith("files/exports/") for place in places_of(WORD))
    assert any(place.startswith("files/chat/") for place in places_of(WORD))

    with pytest.raises(CommandError, match=r"Sources: 1.* Name somebody who takes it"):
        call_command("erase_user", pia.email, "--yes")
    assert User.objects.get(pk=pia.pk).is_active
    call_command("erase_user", pia.email, "--dry-run")
    assert "Review cases about answers: goes" in capsys.readouterr().out
    call_command("erase_user", pia.email, "--yes", "--to", olivia.email)

    assert places_of(WORD) == set()
    assert PersonKey.objects.filter(user=pia).exists()
    assert not PersonKey.objects.filter(user=pia, destroyed_at=None).exists()
    assert verify_log(processes=1).faults == []
    erasure = Erasure.objects.get()
    nobody = User.objects.get(pk=pia.pk)
    assert (str(nobody), nobody.roles, nobody.is_active) == (f"Erased person {erasure.pk}", [], False)
    assert erasure.counts["Conversations"] == 2 and erasure.state == Erasure.State.DONE
    # What others rely on is there.
    assert bob.email in Path(settings.DATA.demo).read_text()
    assert Source.objects.get(name="Papers").owner == olivia
    assert set(Case.objects.values_list("state", "subject")) == {("final", pia.pk), ("superseded", pia.pk)}
    assert Decision.objects.get().reviewer == dana
    assert Spending.objects.get().user is None
    assert Conversation.objects.get().owner == bob and Share.objects.get().owner == bob
    assert (Gap.objects.get().title, Program.objects.get().owner) == ("Is there a gym?", ada)
    # Again, by the id of the account: nothing to do, and no mistake.
    call_command("erase_user", str(pia.pk), "--yes")
    assert "erased already" in capsys.readouterr().out
    with pytest.raises(ConflictError, match="was erased"):
        reinstate_person(actor=ada, user=nobody)


@pytest.mark.django_db
def test_killed_in_the_middle_it_goes_on_and_counts_each_thing_once(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(45):
        factories.make_answer(conversation=factories.make_conversation(owner=alice))
    factories.make_prompt(owner=alice)
    erasure = begin_erasure(actor=audit.SYSTEM, person=alice, typed=alice.email)
    real = working._erase_some
    calls = iter(range(100))

    def die(*args: Any) -> bool:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(working, "_erase_some", die)
    with pytest.raises(KeyboardInterrupt):
        working.erase(erasure.pk)
    assert 0 < Conversation.objects.count() < 45
    monkeypatch.undo()
    assert not working.erase(erasure.pk)  # its owner may live
    assert working.find_lost() == []
    Erasure.objects.update(touched_at=timezone.now() - timedelta(minutes=3))
    assert working.find_lost() == [erasure.pk]
    assert working.erase(erasure.pk) and not working.erase(erasure.pk)
    erasure.refresh_from_db()
    assert (erasure.counts["Conversations"], erasure.counts["Saved prompts"]) == (45, 1)
    assert not Conversation.objects.exists()


@pytest.mark.django_db
def test_it_is_refused_where_somebody_would_be_hurt_and_says_what_to_do(
    alice: User, bob: User, ada: User, olivia: User
) -> None:
    def begin(**change: Any) -> Erasure:
        return begin_erasure(**{"actor": ada, "person": alice, "typed": alice.email} | change)

    with pytest.raises(NotAllowedError):
        begin(actor=bob)
    with pytest.raises(ConflictError, match="Suspend Alice first"):
        begin()
    User.objects.filter(pk=alice.pk).update(is_active=False)
    alice.refresh_from_db()
    with pytest.raises(BadInputError, match=r"Write the e-mail address to confirm: alice@example\.org"):
        begin(typed="bob@example.org")
    hold = begin_hold(actor=ada, person=alice, reason="Asked for by the court.")
    with pytest.raises(ConflictError, match="legal hold"):
        begin()
    end_hold(actor=ada, hold=hold)
    program = factories.make_program(owner=alice)
    with pytest.raises(ConflictError, match="Programs they answer for: 1"):
        begin()
    with pytest.raises(ConflictError, match="last administrator"):
        begin(actor=audit.SYSTEM, person=ada, typed=ada.email)
    assert not Erasure.objects.exists()
    begin(to=olivia)
    program.refresh_from_db()
    assert program.owner == olivia


@pytest.mark.django_db
def test_a_hold_that_comes_meanwhile_stops_it(alice: User, ada: User, crew: Group) -> None:
    conversation = factories.make_conversation(owner=alice)
    erasure = begin_erasure(actor=audit.SYSTEM, person=alice, typed=alice.email)
    hold = begin_hold(actor=ada, group=crew, reason="Asked for by the court.")
    assert not working.erase(erasure.pk)
    assert Conversation.objects.filter(pk=conversation.pk).exists()
    end_hold(actor=ada, hold=hold)
    Erasure.objects.update(touched_at=timezone.now() - timedelta(minutes=3))
    assert working.erase(erasure.pk) and not Conversation.objects.exists()


@pytest.mark.django_db
def test_one_asks_for_it_oneself_and_the_house_says_who_does_it(alice: User, olivia: User, settings: Any) -> None:
    settings.ACCOUNT_DELETION = "off"
    with pytest.raises(NotAllowedError, match="by administrators"):
        ask_erasure(actor=alice, typed=alice.email)
    settings.ACCOUNT_DELETION = "ask"
    assert ask_erasure(actor=alice, typed=alice.email).is_asked
    with transaction.atomic(), pytest.raises(ConflictError, match="asked already"):
        ask_erasure(actor=alice, typed=alice.email)
    settings.ACCOUNT_DELETION = "self"
    begun = begin_erasure(actor=alice, person=alice, typed=alice.email)
    assert begun.is_under_way and Erasure.objects.count() == 1
    factories.make_source(owner=olivia)
    assert ask_erasure(actor=olivia, typed=olivia.email).is_asked  # others need what she keeps


def test_every_holding_says_what_becomes_of_it() -> None:
    known = holdings.holdings()
    assert len(known) > 25
    assert [one.name for one in known if one.erase is None and not one.stays] == []
    assert len({one.name for one in known}) == len(known)
