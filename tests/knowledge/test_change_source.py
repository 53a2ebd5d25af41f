"""Changing, pausing, deleting, reviewing and handing over sources, and the secrets they are opened with."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError
from app.sealing import CannotUnsealError, unseal
from knowledge.connectors.registry import CONNECTORS, connector_of
from knowledge.credentials import PURPOSE, credential_of
from knowledge.errors import SettingError
from knowledge.models import Document, Source
from knowledge.retrieval import search
from knowledge.sources import (
    Readers,
    change_source,
    create_source,
    delete_source,
    hand_over_source,
    mark_reviewed,
    pause_source,
    restore_source,
)
from tests import factories
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish

SECRET = "correct horse battery staple"


@pytest.fixture
def shelf(olivia: User, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setitem(CONNECTORS, "shelf", "tests.knowledge.shelf.ShelfConnector")
    return create_source(actor=olivia, name="Shelf", kind="shelf", config={"place": "cellar"}, credential=SECRET)


def actions(source: Source) -> list[str]:
    events = AuditEvent.objects.filter(object=f"source:{source.pk}").order_by("seq")
    return list(events.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("wanted", "words", "field"),
    [
        ({"kind": "ftp"}, "the kinds are upload, folder", ""),
        ({"kind": "folder"}, r"Folder \(path\) is needed", "path"),
        ({"kind": "folder", "config": {"path": "x"}}, r"Folder \(path\): it has to be absolute", "path"),
        ({"kind": "folder", "config": {"path": 3}}, r"Folder \(path\)", "path"),
        ({"config": {"path": "/x"}}, "no setting called path", "path"),
        ({"schedule": "often"}, "does not understand", ""),
        ({"include": ["x" * 201]}, "at most 200 characters", "include"),
        ({"exclude": ["!"]}, "not a pattern", "exclude"),
        ({"credential": "x"}, "needs no credential", ""),
        ({"name": " \n "}, "needs a name", "name"),
        ({"readers": Readers(groups=["Nobody"])}, "no group called Nobody", "groups"),
    ],
)
def test_what_cannot_be_used_is_said(olivia: User, wanted: dict[str, Any], words: str, field: str) -> None:
    with pytest.raises(BadInputError, match=words) as refused:
        create_source(actor=olivia, **({"name": "A"} | wanted))
    assert getattr(refused.value, "field", "") == field
    assert not Source.objects.exists()


def test_a_change_is_made_and_audited(olivia: User, alice: User, handbook: Source) -> None:
    changed = change_source(
        actor=olivia,
        source=handbook,
        name=" Our  handbook ",
        readers=Readers(everyone=True),
        include=["*.md", " "],
        review_by=date(2030, 1, 1),
    )
    changed.refresh_from_db()
    assert (changed.name, changed.include, changed.review_by) == ("Our handbook", ["*.md"], date(2030, 1, 1))
    assert (changed.is_for_everyone, changed.groups.count()) == (True, 0)
    event = AuditEvent.objects.filter(object=f"source:{handbook.pk}", action="source.change").get()
    assert event.payload["changed"] == ["include", "name", "readers", "review_by"]


def test_a_revoked_group_finds_nothing_from_then_on(
    olivia: User, alice: User, handbook: Source, publish: Publish
) -> None:
    publish(handbook)
    assert search(user=alice, query="annual leave")
    change_source(actor=olivia, source=handbook, readers=Readers())
    assert not search(user=alice, query="annual leave")


def test_a_name_in_use_changes_nothing(olivia: User, handbook: Source) -> None:
    other = factories.make_source(owner=olivia, name="Other")
    with pytest.raises(SettingError, match="already a source called Handbook"):
        change_source(actor=olivia, source=other, name="Handbook", include=["a"])
    other.refresh_from_db()
    assert (other.name, other.include) == ("Other", [])


@pytest.mark.parametrize("deed", [change_source, pause_source, delete_source, restore_source, mark_reviewed])
def test_only_its_keeper_may(alice: User, charlie: User, handbook: Source, deed: Any) -> None:
    charlie.roles = ["employee", "owner"]
    charlie.save()
    for person in (alice, charlie):
        with pytest.raises(NotAllowedError):
            deed(actor=person, source=handbook)


def test_a_credential_is_sealed_and_never_told(
    olivia: User, ada: User, shelf: Source, with_key: SignIn, signed_in: SignIn
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select row_to_json(s)::text from knowledge_source s")
        stored = cursor.fetchone()[0]
    assert SECRET not in stored
    assert credential_of(shelf) == SECRET
    shown = with_key(olivia).get(f"/api/v1/sources/{shelf.pk}")
    assert shown.json()["has_credential"] is True
    pages = [with_key(olivia).get("/api/v1/sources"), signed_in(olivia).get(f"/knowledge/sources/{shelf.pk}/")]
    pages.append(signed_in(ada).get(f"/admin/knowledge/source/{shelf.pk}/change/"))
    for page in [shown, *pages]:
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
        assert shelf.credential_encrypted not in page.content.decode()
    told = [json.dumps(payload) for payload in AuditEvent.objects.values_list("payload", flat=True)]
    assert not [text for text in told if SECRET in text or shelf.credential_encrypted in text]


def test_what_is_sealed_for_sources_opens_for_nothing_else(shelf: Source) -> None:
    assert unseal(PURPOSE, shelf.credential_encrypted) == SECRET
    with pytest.raises(CannotUnsealError):
        unseal("parley model server keys v1", shelf.credential_encrypted)


def test_another_place_wants_the_credential_again(olivia: User, shelf: Source) -> None:
    with pytest.raises(SettingError, match="credential again") as refused:
        change_source(actor=olivia, source=shelf, config={"place": "evil.example"})
    assert refused.value.field == "credential"
    change_source(actor=olivia, source=shelf, config={"place": "cellar", "depth": 3})
    change_source(actor=olivia, source=shelf, name="Renamed")
    moved = change_source(actor=olivia, source=shelf, config={"place": "attic"}, credential="new")
    assert (moved.config, credential_of(moved)) == ({"place": "attic", "depth": 1}, "new")
    cleared = change_source(actor=olivia, source=moved, credential="")
    assert not cleared.has_credential
    assert change_source(actor=olivia, source=cleared, config={"place": "elsewhere"}).config["place"] == "elsewhere"


def test_a_deleted_source_is_gone_at_once_and_comes_back(
    olivia: User, alice: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    document = publish(handbook)
    passage = document.versions.get().passages.first()
    assert passage
    delete_source(actor=olivia, source=handbook)
    assert not search(user=alice, query="annual leave")
    assert signed_in(alice).get(f"/knowledge/passages/{passage.pk}/").status_code == 404
    assert not Document.objects.visible_to(olivia).exists()
    assert Source.objects.restorable_by(olivia).get() == handbook
    restore_source(actor=olivia, source=handbook)
    assert search(user=alice, query="annual leave")
    assert actions(handbook)[-2:] == ["source.delete", "source.restore"]


def test_a_deleted_sources_name_is_free(olivia: User, handbook: Source) -> None:
    delete_source(actor=olivia, source=handbook)
    create_source(actor=olivia, name="Handbook")
    with pytest.raises(BadInputError, match="Rename that one first"):
        restore_source(actor=olivia, source=handbook)


def test_handing_over(olivia: User, alice: User, ada: User, charlie: User, handbook: Source) -> None:
    with pytest.raises(BadInputError, match="not a content owner"):
        hand_over_source(actor=olivia, source=handbook, owner=alice)
    charlie.roles = ["employee", "owner"]
    charlie.save()
    hand_over_source(actor=olivia, source=handbook, owner=charlie)
    assert list(Source.objects.editable_by(charlie)) == [handbook]
    handbook.refresh_from_db()
    with pytest.raises(NotAllowedError):
        hand_over_source(actor=olivia, source=handbook, owner=olivia)
    hand_over_source(actor=ada, source=handbook, owner=olivia)
    assert list(Source.objects.editable_by(olivia)) == [handbook]


def test_a_review_is_noted_with_the_next_day(olivia: User, handbook: Source) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    reviewed = mark_reviewed(actor=olivia, source=handbook, next_review_by=tomorrow)
    assert reviewed.reviewed_at
    assert reviewed.review_by == tomorrow
    with pytest.raises(BadInputError, match="future"):
        mark_reviewed(actor=olivia, source=handbook, next_review_by=timezone.localdate())


def test_every_kind_says_what_it_is(db: None) -> None:
    for kind in CONNECTORS:
        connector = connector_of(kind)
        assert connector.kind == kind
        assert connector.label
        assert connector.summary
        assert connector.settings_schema.model_config.get("extra") == "forbid"
        assert connector.settings_schema.model_json_schema()
