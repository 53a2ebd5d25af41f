"""Every page of Parley, who visits it, and one of everything to be seen there.

A page is whatever answers GET with a whole page; an address of the access matrix that is neither visited nor named in
``NO_PAGES`` fails the suite.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import Erasure, Hold, Nesting, RetentionRule, Role, User
from accounts.people.letters import secret_of
from app.inference.models import Model, Worker
from chat.models import Assistant, Feedback, Message, Reply
from chat.verbs.sharing import token_of
from knowledge.models import Document, IndexGeneration, Passage, Source, Sync
from moderation.models import Case
from tests import factories

DAY = timedelta(days=1)

# Fragments, files and what speaks to programs.
NO_PAGES = {
    "chat:older",
    "chat:turns",
    "chat:shelf",
    "chat:suggest",
    "chat:prompt_menu",
    "chat:file_part",
    "chat:file_state",
    "chat:file_picture",
    "chat:file_original",
    "chat:own_export_progress",
    "people:erase_progress",
    "chat:download_own_export",
    "chat:standing",
    # Opened once, by nobody's account: see test_first_run.
    "accounts:first_administrator",
    # Behind a proof of who one is, or in the middle of signing in: looked at in test_sign_in_safely.
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_login_webauthn",
    "mfa_edit_webauthn",
    "knowledge:documents",
    "knowledge:follow_uploads",
    "knowledge:latest_syncs",
    "knowledge:version_file",
    "knowledge:original",
    "knowledge:passage_part",
    "knowledge:page_picture",
    "knowledge:index_progress",
    "pool:live",
    "usage:csv",
    "audit:export",
    "audit:proof",
    "oauth:jwks",
    "oauth:discovery",
    "oauth:openid_configuration",
    "oauth:userinfo",
    "usage:notices",
    "manifest",
    "service_worker",
    "healthz",
    "readyz",
    "metrics",
}

REPORT = {
    "characters": 17,
    "notes": [],
    "holds": ["secrets"],
    "findings": [{"check": "secrets", "severity": 1.0, "message": "A key.", "places": [[0, 3]], "detail": {}}],
}
RICH = (
    "# Travelling\n\nYou may go by **train**; see [the rules](https://example.org/rules) and `PT-4`.\n\n"
    "## What is paid\n\n- [x] The ticket\n- [ ] The taxi\n\n1. First\n2. Second\n\n> As the handbook says.\n\n"
    f"|{'|'.join(f' column {number} ' for number in range(9))}|\n|{'---|' * 9}\n"
    f"|{'|'.join(' a rather long cell ' for _ in range(9))}|\n\n"
    "```python\n# A comment\nprint('a line that is far too long to fit into the column of any answer on a screen')\n"
    "```\n"
)


def _press(key: str) -> Callable[[Page], None]:
    return lambda page: page.keyboard.press(key)


def _open_menu(name: str) -> Callable[[Page], None]:
    def opens(page: Page) -> None:
        page.locator(f"[popovertarget='{name}']").first.evaluate("button => button.click()")
        expect(page.locator(f"#{name}")).to_be_visible()

    return opens


def _open_row_menu(page: Page) -> None:
    page.locator(".conversation-more").first.evaluate("link => link.click()")
    expect(page.locator("#conversation-menu .menu-head")).to_be_visible()


def _open_keys(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()


def _open_source(page: Page) -> None:
    page.locator("a.cite").first.evaluate("link => link.click()")
    expect(page.locator("#viewer-body .passage")).to_be_visible()


@dataclass(frozen=True)
class Visit:
    """``args`` of the address are names of things, or themselves behind "="; ``query`` follows the address. ``states``
    are what can be opened on the page, one after the other, by name.
    """

    name: str
    who: str | None
    args: dict[str, str] = field(default_factory=dict)
    query: str = ""
    states: dict[str, Callable[[Page], None]] = field(default_factory=dict)


PROGRAM_ID = uuid.UUID("01900000-0000-7000-8000-000000000001")
AUTHORIZE = (
    f"?response_type=code&client_id={PROGRAM_ID}&redirect_uri=https://reports.example.org/back&scope=openid%20chat.ask"
    "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&prompt=consent"
)
SOURCE, DOCUMENT = {"source_id": "source"}, {"document_id": "document"}
MENUS = {"account": _open_menu("account-menu"), "theme": _open_menu("theme-menu")}

VISITS = [
    Visit("account_login", None),
    Visit("account_signup", None),
    Visit("account_inactive", None),
    Visit("account_request_login_code", None),
    Visit("account_confirm_login_code", None),
    Visit("socialaccount_login_cancelled", None),
    Visit("accounts:signed_out", None),
    Visit("account_reset_password", None),
    Visit("account_reset_password_done", None),
    Visit("account_reset_password_from_key", None, {"uidb36": "=abc", "key": "=no-such-key"}),
    Visit("account_reset_password_from_key_done", None),
    Visit("offline", None),
    Visit("chat:home", "erin"),  # who has nothing yet
    Visit("accounts:keys", "erin"),
    Visit("usage:own", "erin"),
    Visit("knowledge:sources", "erin"),
    Visit("accounts:sessions", "erin"),
    Visit("mfa_index", "erin"),
    Visit("account_logout", "erin"),
    Visit("account_reauthenticate", "erin"),
    Visit("account_change_password", "erin"),
    Visit("account_set_password", "erin"),
    Visit("chat:home", "kim", states=MENUS),
    Visit(
        "chat:conversation",
        "kim",
        {"conversation_id": "asked"},
        states={"source": _open_source, "keys": _open_keys},
    ),
    Visit("chat:conversation", "kim", {"conversation_id": "written"}),
    Visit("chat:conversation", "kim", {"conversation_id": "ended"}, states={"more": _open_row_menu}),
    Visit("chat:keep", "kim", {"conversation_id": "asked"}),
    Visit("chat:share", "kim", {"conversation_id": "shared"}),
    Visit("chat:export", "kim", {"conversation_id": "shared"}),
    Visit("chat:shares", "kim"),
    Visit("chat:shares", "kim", query="?show=with"),
    Visit("chat:shared", "kim", {"token": "token"}),
    Visit("chat:own_data", "kim"),
    Visit("chat:search", "kim", query="?q=days"),
    Visit("chat:assistants", "kim"),
    Visit("chat:prompts", "kim"),
    Visit("chat:new_prompt", "kim"),
    Visit("chat:change_prompt", "kim", {"prompt_id": "prompt"}),
    Visit("chat:fill_prompt", "kim", {"prompt_id": "prompt"}),
    Visit("chat:file", "kim", {"file_id": "file"}),
    Visit("chat:file", "kim", {"file_id": "picture"}),
    Visit("chat:instructions", "kim"),
    Visit("chat:leaving", "kim", query="?to=https://example.org/page"),
    Visit("accounts:keys", "kim"),
    Visit("usage:own", "kim"),
    Visit("accounts:allowed_programs", "kim"),
    Visit("accounts:allowed_programs", "erin"),
    Visit("oauth:authorize", "kim", query=AUTHORIZE),
    Visit("knowledge:sources", "kim", states={"keys": _open_keys}),
    Visit("knowledge:choose_kind", "kim"),
    Visit("knowledge:new_source", "kim", {"kind": "=web"}),
    Visit("knowledge:new_source", "kim", {"kind": "=s3"}),
    Visit("knowledge:change_source", "kim", SOURCE),
    Visit("knowledge:source", "kim", SOURCE),
    Visit("knowledge:source", "kim", {"source_id": "folder_source"}),
    Visit("knowledge:source", "kim", {"source_id": "empty_source"}),
    Visit("knowledge:all_syncs", "kim", {"source_id": "folder_source"}),
    Visit("knowledge:sync_page", "kim", {"sync_id": "sync"}),
    Visit("knowledge:document", "kim", DOCUMENT),
    Visit("knowledge:document_about", "kim", DOCUMENT),
    Visit("knowledge:document_about", "kim", {"document_id": "held_document"}),
    Visit("knowledge:difference", "kim", {"first_id": "earlier_version", "second_id": "later_version"}),
    Visit("knowledge:passage", "kim", {"passage_id": "passage"}),
    Visit("knowledge:passage_page", "kim", {"passage_id": "passage"}),
    Visit("knowledge:document_access", "kim", DOCUMENT, query="?person=erin@example.org"),
    Visit("knowledge:try_search", "kim"),
    Visit("knowledge:home", "kim"),
    Visit("knowledge:gaps", "kim"),
    Visit("knowledge:gap", "kim", {"gap_id": "gap"}),
    Visit("chat:feedback_list", "mona", query="?show=all"),
    Visit("chat:kept_feedback", "kim", query="?show=all"),
    Visit("moderation:queue", "mona", states={"keys": _open_keys}),
    Visit("moderation:case", "mona", {"case_id": "case"}),
    Visit("moderation:case", "mona", {"case_id": "claimed_case"}, states={"edit": _press("e")}),
    Visit("knowledge:index", "ada"),
    Visit("pool:servers", "ada", states={"keys": _open_keys}),
    Visit("pool:add_server", "ada"),
    Visit("pool:server", "ada", {"worker_id": "worker"}),
    Visit("pool:models", "ada"),
    Visit("pool:model", "ada", {"model_id": "model"}),
    Visit("pool:assistants", "ada"),
    Visit("pool:assistant", "ada", {"assistant_id": "assistant"}),
    Visit("usage:everybody", "ada"),
    Visit("programs:overview", "ada"),
    Visit("programs:new", "ada"),
    Visit("programs:program", "ada", {"program_id": "program"}),
    Visit("programs:encryption", "ada"),
    Visit("programs:keys", "ada"),
    Visit("usage:limits", "ada"),
    Visit("usage:new_limit", "ada", {"subject": "=each"}),
    Visit("usage:change_limit", "ada", {"limit_id": "limit"}),
    Visit("audit:events", "aud"),
    Visit("audit:events", "aud", query="?actor=nobody-of-this-name"),
    Visit("accounts:rights", "kim"),
    Visit("accounts:insights", "kim"),
    Visit("accounts:join", None, {"invitation_id": "invitation", "secret": "invitation_secret"}),
    Visit("people:list", "ada"),
    Visit("people:invite", "ada"),
    Visit("people:import", "ada"),
    Visit("people:person", "ada", {"person_id": "kim"}),
    Visit("people:rights", "ada", {"person_id": "kim"}),
    Visit("people:move", "ada", {"person_id": "kim", "kind": "=hand-over"}, query="?to=ada@example.org"),
    Visit("people:groups", "ada"),
    Visit("people:group", "ada", {"group_id": "group"}),
    Visit("people:roles", "ada"),
    Visit("people:role", "ada", {"slug": "role"}),
    Visit("people:retention", "ada", query="?try"),
    Visit("people:holds", "ada"),
    Visit("people:erasures", "ada"),
    Visit("people:erase", "ada", {"person_id": "gone"}),
    Visit("people:insights", "ada"),
    Visit("chat:insight", "ada", {"insight_id": "insight"}),
    Visit("chat:insight_conversation", "ada", {"insight_id": "insight", "conversation_id": "shared"}),
]


def make_things() -> dict[str, str]:
    """The ids of what the visits speak of. What people of other journeys could meet is kept from them: these belong to
    kim, her group, and cases to nobody.
    """
    factories.make_user("erin")
    factories.make_user("aud", roles=[Role.AUDITOR])
    mona = factories.make_user("mona", roles=[Role.MODERATOR])
    kim = factories.make_user("kim", roles=[Role.OWNER])
    things = {**_knowledge(kim), **_ended(kim, mona), **_operations()}
    rotated = {"previous_digest": "0" * 64, "previous_hint": "parley_abcde", "previous_until": timezone.now() + DAY}
    factories.make_key(
        kim, name="nightly report", capabilities=["chat.ask"], last_used_from="203.0.113.0/24", **rotated
    )
    factories.make_key(kim)
    program = factories.make_program(owner=mona, id=PROGRAM_ID)
    factories.make_consent(user=kim, program=program)
    factories.make_limit(subject="program", subject_id=program.id, subject_name=program.name, period="month")
    things["program"] = program.id
    things["prompt"] = factories.make_prompt(owner=kim).id
    things |= _shared(kim, mona)
    things["feedback"] = _feedback(kim, mona)
    things |= _people(kim, mona)
    return {name: str(value) for name, value in things.items()}


def _shared(kim: User, mona: User) -> dict[str, object]:
    """A conversation of mona's that kim may read without one of its sources, one of kim's own, and an export."""
    group = factories.make_group("Readers", members=[kim, mona])
    secret = factories.make_source(owner=mona, name="Pay", groups=[factories.make_group("Pay", members=[mona])])
    open_one = factories.make_source(owner=mona, name="Leave", groups=[group])
    theirs = factories.make_conversation(owner=mona, title="What one is paid while away")
    answer = factories.make_answer(conversation=theirs, text="You have 28 days. [1]\n\nThe band is 56 to 72. [2]")
    for number, (source, words) in enumerate(((open_one, "You have 28 days."), (secret, "The band is 56 to 72.")), 1):
        document = factories.make_document(source=source, title=source.name, paragraphs=[words])
        factories.make_citation(message=answer, passage=document.versions.get().passages.get(), number=number)
    share = factories.make_share(conversation=theirs, people=[kim], groups=[group], note="For the meeting on Monday.")
    own = factories.make_conversation(owner=kim, title="Leave")
    factories.make_answer(conversation=own)
    factories.make_share(conversation=own, people=[mona])
    factories.make_share(conversation=own, groups=[group], revoked_at=timezone.now())
    factories.make_conversation(owner=kim, deleted_at=timezone.now())
    factories.make_export(owner=kim, size_bytes=12345)
    return {"shared": own.id, "token": token_of(share)}


def _people(kim: User, mona: User) -> dict[str, object]:
    """An invitation, a group inside another, a role, and a permission to read kim's conversations."""
    invitation = factories.make_invitation(name="nina")
    group = factories.make_group("Inner", members=[kim])
    Nesting.objects.create(outer=factories.make_group("Outer"), inner=group)
    insight = factories.make_insight(reader=User.objects.get(email="ada@example.org"), person=kim, approved_by=mona)
    factories.make_insight(reader=mona, person=kim)
    gone = factories.make_user("gone", is_active=False)
    factories.make_source(owner=gone, name="Left behind")
    factories.make_answer(conversation=factories.make_conversation(owner=gone))
    RetentionRule.objects.create(kind="devices", group=group, days=3_000)
    Hold.objects.create(group=group, reason="Asked for by the court.", ended_at=timezone.now())
    Erasure.objects.create(person=kim, state=Erasure.State.ASKED)
    return {
        "gone": gone.id,
        "kim": kim.id,
        "invitation": invitation.id,
        "invitation_secret": secret_of(invitation),
        "group": group.id,
        "role": factories.make_role().pk,
        "insight": insight.id,
    }


def put_away(things: dict[str, str]) -> None:
    """What would be in the way of other journeys."""
    factories.Limit.objects.filter(pk=things["limit"]).delete()
    Case.objects.filter(pk__in=[things["case"], things["claimed_case"]]).delete()
    Feedback.objects.filter(pk=things["feedback"]).delete()


def _ended(kim: User, mona: User) -> dict[str, uuid.UUID]:
    """A conversation with an answer in every state that one can stay in, and two cases."""
    assistant = Assistant.objects.get(slug="researcher")
    conversation = factories.make_conversation(owner=kim, assistant=assistant, title="Each way an answer can end")
    state = Message.State
    last: Message | None = None

    def after(answer: Message | None) -> Message:
        """A question that goes on from an answer: only one branch is shown."""
        return factories.make_message(conversation=conversation, parent=answer)

    for ending in (state.RELEASED, state.EDITED, state.REJECTED, state.BLOCKED, state.INTERRUPTED, state.FAILED):
        text = "" if ending in (state.REJECTED, state.BLOCKED, state.FAILED) else "You have 28 days."
        last = factories.make_answer(conversation=conversation, parent=after(last), text=text, state=ending)
    last = factories.make_broken_answer(conversation=conversation, parent=after(last))
    held: list[Message] = []
    for _ in range(2):
        question = after(held[-1] if held else last)
        held.append(
            factories.make_answer(
                conversation=conversation, parent=question, text="", held_text="Band 5.", state=state.HELD
            )
        )
    claim = {
        "state": Case.State.CLAIMED,
        "reviewer": mona,
        "lease_until": timezone.now() + timedelta(minutes=30),
        "fence": 1,
    }
    return _files(kim, last) | {
        "ended": conversation.id,
        "case": factories.make_case(subject=kim, content_id=held[0].id).id,
        "claimed_case": factories.make_case(subject=kim, content_id=held[1].id, **claim).id,
    }


def _files(kim: User, answer: Message) -> dict[str, uuid.UUID]:
    """A file and a picture that a question went out with, and others that wait for the next one."""
    conversation = answer.conversation
    file = factories.make_file(owner=kim, conversation=conversation, note="There is text that nobody sees.")
    picture = factories.make_picture(owner=kim, conversation=conversation)
    if answer.parent:
        answer.parent.files.add(file, picture)
    factories.make_file(owner=kim, conversation=conversation, asked_at=None)
    torn = {"state": "refused", "reason": "It is damaged.", "asked_at": None}
    factories.make_file(owner=kim, conversation=conversation, name="torn.pdf", text="", **torn)
    return {"file": file.id, "picture": picture.id}


def _feedback(kim: User, mona: User) -> uuid.UUID:
    """A judgement by another reader of an answer from kim's source, and a reply."""
    conversation = factories.make_conversation(owner=factories.make_user("rita"), title="Bicycles")
    passage = Passage.objects.filter(version__document__title="Bicycles").order_by("-pk")[0]
    card = {"document_id": str(passage.version.document_id), "passage_id": str(passage.id)}
    answer = factories.make_answer(conversation=conversation, text="For a day. [1]", evidence=[card])
    factories.make_citation(message=answer, passage=passage)
    given = Feedback.objects.create(
        message=answer, user=conversation.owner, value=-1, reason="missing", text="And two?"
    )
    Reply.objects.create(feedback=given, conversation=conversation, author=mona, text="One only.")
    return given.id


def _knowledge(kim: User) -> dict[str, uuid.UUID]:
    readers = [factories.make_group("Reach", members=[kim])]
    source = factories.make_source(owner=kim, name="Papers", groups=readers)
    document = factories.make_document(source=source, title="Bicycles", version={"withdrawn_at": timezone.now()})
    later = factories.make_version(document=document, number=2, paragraphs=["Bicycles are lent for a day."])
    earlier = document.versions.get(number=1)
    factories.make_document(source=source, title="Old", state=Document.State.WITHDRAWN)
    Document.objects.create(source=source, key="bad.pdf", title="Bad", state=Document.State.REJECTED, reason="Torn.")
    unpublished = {"published_at": None, "report": REPORT}
    held = factories.make_document(source=source, title="Held", state=Document.State.HELD, version=unpublished)
    config = {"path": str(Path(settings.BASE_DIR) / "docs")}
    folder = factories.make_source(owner=kim, name="Folder", groups=readers, kind="folder", config=config)
    sync = Sync.objects.create(source=folder, state=Sync.State.DONE, withheld=1, failures=[{"key": "a", "reason": "b"}])
    return {
        "source": source.id,
        "folder_source": folder.id,
        "empty_source": factories.make_source(owner=kim, name="Nothing yet", groups=readers).id,
        "document": document.id,
        "held_document": held.id,
        "earlier_version": earlier.id,
        "later_version": later.id,
        "passage": Passage.objects.get(version=later).id,
        "sync": sync.id,
        "gap": factories.make_gap(source=source, questions=("Is there a gym?", "A fitness room?")).id,
    }


def _operations() -> dict[str, object]:
    assert IndexGeneration.objects.filter(is_serving=True).exists()
    assert Source.objects.filter(name="Handbook").exists()
    return {
        "worker": Worker.objects.get(model__name="scripted").pk,
        "model": Model.objects.get(name="scripted").pk,
        "assistant": Assistant.objects.get(slug="researcher").pk,
        "limit": factories.make_limit(amount=1_000_000_000).id,
    }
