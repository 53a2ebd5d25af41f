"""One of everything, for the access matrix: whose it is stands in the names, and in the matrix."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from reportlab.pdfgen.canvas import Canvas

from accounts import audit
from accounts.models import (
    ApiKey,
    AuditEvent,
    Device,
    DirectoryGroup,
    Erasure,
    Group,
    Hold,
    Nesting,
    RetentionRule,
    User,
)
from accounts.people.letters import secret_of
from app.inference.embedding.local import EMBEDDED_NAME
from chat.exporting.archiving import path_of
from chat.models import Conversation, Feedback, Message, Tag
from chat.verbs.sharing import token_of
from knowledge.models import Document, Gap, IndexGeneration, Passage, Source, Sync
from moderation.models import Case, Decision
from tests import factories

REPORT = {
    "characters": 17,
    "notes": [],
    "holds": ["secrets"],
    "findings": [{"check": "secrets", "severity": 1.0, "message": "A key.", "places": [[0, 3]], "detail": {}}],
}


def make_world(people: dict[str, User], crew: Group) -> dict[str, str]:
    """The ids of everything the matrix speaks of, by name."""
    ids = {**_chat(people), **_shares(people, crew), **_prompts(people, crew), **_knowledge(people, crew)}
    ids |= {**_index(), **_accounts(people), **_pool()}
    ids["feedback"] = _feedback(people, answer_id=ids["answer"], passage_id=ids["passage"])
    return {name: str(value) for name, value in ids.items()}


def _chat(people: dict[str, User]) -> dict[str, uuid.UUID]:
    alice, dana = people["alice"], people["dana"]
    conversation = factories.make_conversation(owner=alice)
    answer = factories.make_answer(conversation=conversation)
    writer = factories.make_assistant(slug="writer", mode="generate", model=factories.make_model(name="writing"))
    written = factories.make_conversation(owner=alice, assistant=writer)
    now = timezone.now()
    held = factories.make_answer(conversation=conversation, text="", held_text="Band 5.", state=Message.State.HELD)
    case = factories.make_case(subject=alice, content_id=held.id)
    claim = {"state": Case.State.CLAIMED, "reviewer": dana, "lease_until": now + timedelta(minutes=9), "fence": 1}
    other = factories.make_answer(conversation=conversation, text="", held_text="Band 6.", state=Message.State.HELD)
    claimed = factories.make_case(subject=alice, content_id=other.id, **claim)
    tag = Tag.objects.create(owner=alice, name="leave")
    conversation.tags.add(tag)
    return {
        "conversation": conversation.id,
        "file": factories.make_file(owner=alice, conversation=conversation).id,
        "picture": factories.make_picture(owner=alice, conversation=conversation).id,
        "tag": tag.id,
        "deleted_conversation": factories.make_conversation(owner=alice, deleted_at=now).id,
        "question": answer.parent_id,
        "answer": answer.id,
        "broken_answer": factories.make_broken_answer(conversation=written).id,
        "rejected_answer": _rejected(conversation, alice, dana),
        "held_answer": held.id,
        "running_answer": factories.make_answer(conversation=conversation, text="", state=Message.State.QUEUED).id,
        "case": case.id,
        "claimed_case": claimed.id,
    }


def _shares(people: dict[str, User], crew: Group) -> dict[str, object]:
    """Of a conversation of alice's what she shares with Crew, and shared before; an export of hers, with its file."""
    alice, now = people["alice"], timezone.now()
    asked = factories.make_conversation(owner=alice, title="Asked")
    factories.make_answer(conversation=asked)
    share = factories.make_share(conversation=asked, groups=[crew])
    revoked = factories.make_share(conversation=asked, groups=[crew], revoked_at=now)
    factories.make_conversation(owner=alice, deleted_at=now)
    export = factories.make_export(owner=alice)
    path_of(export).parent.mkdir(parents=True, exist_ok=True)
    path_of(export).write_bytes(b"PK")
    return {
        "asked": asked.id,
        "share": share.id,
        "revoked_share": revoked.id,
        "token": token_of(share),
        "revoked_token": token_of(revoked),
        "export": export.id,
        "deleted_at": now.isoformat(),
        "bob": people["bob"].id,
    }


def _rejected(conversation: Conversation, alice: User, dana: User) -> uuid.UUID:
    """An answer that dana withheld."""
    log = [
        [1, "accepted", None],
        [2, "status", {"state": "held", "detail": "Wait."}],
        [3, "status", {"state": "rejected"}],
    ]
    state = Message.State.REJECTED
    answer = factories.make_answer(conversation=conversation, text="", state=state, log=log)
    ended = {"state": Case.State.FINAL, "reviewer": dana, "final_at": timezone.now(), "fence": 1}
    case = factories.make_case(subject=alice, content_id=answer.id, **ended)
    Decision.objects.create(case=case, reviewer=dana, action=Decision.Action.REJECT, reason="No.", fence=1)
    return answer.id


def _feedback(people: dict[str, User], *, answer_id: uuid.UUID, passage_id: uuid.UUID) -> uuid.UUID:
    """What alice thought of her answer, which cites olivia's document."""
    answer = Message.objects.get(pk=answer_id)
    factories.make_citation(message=answer, passage=Passage.objects.get(pk=passage_id))
    return Feedback.objects.create(message=answer, user=people["alice"], value=-1, reason="missing").id


def _prompts(people: dict[str, User], crew: Group) -> dict[str, uuid.UUID]:
    """alice's own prompt, one she deleted, and one that olivia shares with Crew."""
    alice = people["alice"]
    return {
        "prompt": factories.make_prompt(owner=alice).id,
        "deleted_prompt": factories.make_prompt(owner=alice, name="Old", deleted_at=timezone.now()).id,
        "shared_prompt": factories.make_prompt(owner=people["olivia"], name="Reply", group=crew).id,
    }


def _pool() -> dict[str, uuid.UUID]:
    """A dead server, a model that nothing uses, and an assistant."""
    return {
        "worker": factories.make_worker(address="http://127.0.0.1:1/v1").id,
        "model": factories.make_model(name="unused").id,
        "assistant": factories.make_assistant(slug="steered").id,
    }


def _index() -> dict[str, int]:
    """The index that serves and one that failed, with ids that no page shows by chance."""
    made = {"embedding_name": EMBEDDED_NAME, "dimensions": 384}
    failed = IndexGeneration.State.FAILED
    return {
        "generation": IndexGeneration.objects.create(pk=7_460_911, is_serving=True, **made).pk,
        "failed_generation": IndexGeneration.objects.create(pk=7_460_912, state=failed, **made).pk,
    }


def _knowledge(people: dict[str, User], crew: Group) -> dict[str, uuid.UUID]:
    olivia = people["olivia"]
    source = factories.make_source(owner=olivia, name="Crew papers", groups=[crew])
    config = {"path": str(Path(__file__).parent)}
    folder = factories.make_source(owner=olivia, name="Crew folder", groups=[crew], kind="folder", config=config)
    sync = Sync.objects.create(source=folder, state=Sync.State.DONE, withheld=1)
    missed = factories.make_document(source=folder, title="Gone", state=Document.State.WITHDRAWN, withdrawn_in=sync)
    missed.versions.update(withdrawn_at=timezone.now())
    factories.make_document(source=folder, title="Gone as well", withdrawn_in=sync)
    document = factories.make_document(source=source, version={"file": f"ma/{uuid.uuid4().hex}"})
    version = document.versions.get()
    path = Path(settings.DATA.files) / version.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(version.text)
    withdrawn = factories.make_document(source=source, title="Old", state=Document.State.WITHDRAWN)
    withdrawn.versions.update(withdrawn_at=timezone.now())
    rejected = Document.objects.create(source=source, key="bad.pdf", title="Bad", state=Document.State.REJECTED)
    factories.make_version(document=rejected, paragraphs=[], published_at=None)
    held = factories.make_document(
        source=source, title="Held", state=Document.State.HELD, version={"published_at": None, "report": REPORT}
    )
    changed = factories.make_document(source=source, title="Changed", version={"withdrawn_at": timezone.now()})
    later = factories.make_version(document=changed, number=2, paragraphs=["You have 29 days."])
    printed = _printed(source)
    doubted = factories.make_document(source=source, title="Doubted")
    doubted.versions.get().passages.update(disabled_at=timezone.now(), disabled_by=olivia, disabled_reason="Wrong.")
    gap = factories.make_gap(source=source, questions=("Is there a gym?", "Do we have a fitness room?"))
    return {
        "gap": gap.id,
        "gap_question": gap.questions.latest("asked_at").id,
        "other_gap": factories.make_gap(source=source, questions=("Where can I do sports?",)).id,
        "closed_gap": factories.make_gap(source=source, state=Gap.State.CLOSED).id,
        "held_document": held.id,
        "changed_document": changed.id,
        "earlier_version": changed.versions.get(number=1).id,
        "later_version": later.id,
        "version": version.id,
        "pdf_passage": printed.versions.get().passages.get().id,
        "disabled_passage": doubted.versions.get().passages.get().id,
        "source": source.id,
        "folder_source": folder.id,
        "sync": sync.id,
        "deleted_source": factories.make_source(owner=olivia, name="Old papers", deleted_at=timezone.now()).id,
        "paused_source": factories.make_source(owner=olivia, name="Slow", paused_at=timezone.now()).id,
        "document": document.id,
        "withdrawn_document": withdrawn.id,
        "rejected_document": rejected.id,
        "passage": version.passages.get().id,
    }


def _printed(source: Source) -> Document:
    """A document with one page that can be drawn."""
    made = {"file": f"ma/{uuid.uuid4().hex}", "media_type": "application/pdf", "pages": [[0, len("You have 28 days.")]]}
    document = factories.make_document(source=source, title="Printed", version=made)
    version = document.versions.get()
    canvas = Canvas(str(Path(settings.DATA.files) / version.file))
    canvas.drawString(72, 700, version.text)
    canvas.save()
    return document


def _second_steps(user: User) -> int:
    Authenticator.objects.create(user=user, type="totp", data={})
    RecoveryCodes.activate(user)
    return int(factories.make_passkey(user, pk=7654321).pk)


def _kept_groups() -> dict[str, object]:
    """Two that a directory keeps, one inside the other."""
    outer, inner = (factories.make_group(name) for name in ("Kept", "Kept inside"))
    for group in (outer, inner):
        Group.objects.filter(pk=group.pk).update(external_id=f"scim:{group.pk}")
        DirectoryGroup.objects.create(group=group)
    Nesting.objects.create(outer=outer, inner=inner)
    return {"kept_group": outer.id, "kept_inner": inner.id}


def _accounts(people: dict[str, User]) -> dict[str, object]:
    factories.make_key(people["alice"])
    with transaction.atomic():
        audit.record(actor=people["alice"], action="test.deed", obj=people["alice"])
    program = factories.make_program(owner=people["ada"])
    invited = factories.make_invitation(name="newcomer")
    invited_too = factories.make_invitation(name="latecomer")
    hold = Hold.objects.create(group=factories.make_group("Held"), reason="Asked for by the court.")
    insight = factories.make_insight(reader=people["ada"], person=people["alice"], approved_by=people["aaron"])
    return {
        "sam": factories.make_user("leaver", is_active=False).id,
        "rule": RetentionRule.objects.create(kind="feedback", days=90).id,
        "hold": hold.id,
        "erasure": Erasure.objects.create(person=invited_too.user, state=Erasure.State.ASKED).pk,
        "event": AuditEvent.objects.filter(actor=str(people["alice"].pk)).latest("at").id,
        "group": factories.make_group("Choir").id,
        **_kept_groups(),
        "suspended": factories.make_user("gone", is_active=False).id,
        "invited": invited.user_id,
        "waiting_insight": factories.make_insight(reader=people["ada"], person=factories.make_user("asked")).id,
        "role": factories.make_role().pk,
        "invitation": invited.id,
        "invitation_secret": secret_of(invited),
        "insight": insight.id,
        "key": ApiKey.objects.get(user=people["alice"]).id,
        "program": program.id,
        "consent": factories.make_consent(user=people["alice"], program=program).id,
        "device": Device.objects.create(user=people["alice"], session_key="elsewhere").id,
        "passkey": _second_steps(people["alice"]),
        "limit": factories.make_limit(amount=1000).id,
        "removed_limit": factories.make_limit(subject="each", period="hour", removed_at=timezone.now()).id,
    }
