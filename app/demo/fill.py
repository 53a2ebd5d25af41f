"""Fills a fresh Parley with the demo company: people, knowledge, assistants, a policy, and questions that wait.

Everything goes through the verbs that pages and programs use, so the demo is audited and shaped like real use. Each
step makes only what is missing: a fill that was killed goes on where it was, and a finished one is never repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import Group, User
from app.demo import accounts
from app.demo.company import FOLDER, READERS
from app.errors import ParleyError
from app.inference.models import Model
from chat.assistants import create_assistant
from chat.models import Assistant, Message, SavedPrompt
from chat.verbs.asking import ask, start_conversation
from chat.verbs.prompting import create_prompt
from knowledge.models import Document, Sync
from knowledge.syncs.importing import Visit, bring_in, look
from knowledge.syncs.tallying import Seen
from moderation.models import Policy
from moderation.policies.writing import create_policy

Say = Callable[[str], None]

SOURCES = {"everyone": "Handbook", "people-team": "People team", "engineering": "Engineering"}

RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "pay-and-dismissal",
        "scope": "question",
        "match": {"words": ["salary", "salaries", "dismiss*", "fired", "disciplinary"]},
        "action": "hold",
        "reason": "Questions about pay and dismissal are read by a person before you get the answer.",
        "due_minutes": 240,
    },
    {
        "name": "secrets",
        "scope": "question",
        "match": {"screen": "secrets"},
        "action": "block",
        "reason": "Your question contains something that looks like a password or key. Take it out and ask again.",
        "due_minutes": 240,
    },
)

# Who asks what is held. The web process writes the answers when it starts, as it does with every question it finds.
HELD_QUESTIONS = (
    ("bob", "Which salary band is a senior engineer in?"),
    ("alice", "Can I be dismissed while I am on sick leave?"),
    ("bob", "How long does a disciplinary warning stay on file?"),
)


# Saved prompts, each of whose it is and which group shares it.
PROMPTS = (
    ("olivia", "Engineering", "Explain a rule", "What does the handbook say on {{topic=remote work}}?"),
    ("olivia", "People team", "Explain a rule", "What does the handbook say on {{topic=sick leave}}?"),
    ("alice", None, "Welcome note", "Write a short welcome note for {{name}}, who joins us on {{day=Monday}}."),
)


class DemoError(ParleyError):
    """The demo could not be filled; what is there stays, and the next start goes on."""


def is_wanted() -> bool:
    """Only for a new Parley, and for one whose fill was cut off."""
    if settings.DATA.demo.exists() or not settings.DEMO:
        return False
    return accounts.draft_path().exists() or not User.objects.exists()


def fill(say: Say) -> None:
    """Make the demo, telling ``say`` how it goes. Raises DemoError when its documents cannot be read."""
    sign_ins = accounts.open_draft()
    people = accounts.ensure_accounts(sign_ins)
    for folder, group in READERS.items():
        _ensure_source(people["olivia"], folder, [group] if group else [], say)
    policy = _ensure_policy(people["ada"])
    _ensure_assistants(people["ada"], policy)
    _ensure_prompts(people)
    _ask_questions(people)
    accounts.publish(sign_ins)
    say("The demo is filled.")


def _ensure_source(owner: User, folder: str, groups: list[str], say: Say) -> None:
    # What a killed fill was reading is nobody's: nothing else runs yet, so its leases need not run out first.
    left = Document.objects.filter(source__name=SOURCES[folder], state=Document.State.PROCESSING)
    left.update(state=Document.State.QUEUED, lease_until=None, attempts=0)
    Sync.objects.filter(source__name=SOURCES[folder], state=Sync.State.RUNNING).update(lease_until=None)
    visit = look(actor=owner, path=FOLDER / folder, source_name=SOURCES[folder], groups=groups)
    summary = bring_in(actor=owner, visit=visit, watch=_counter(visit, say))
    if summary.failures:
        first = summary.failures[0]
        raise DemoError(f"The demo's page {first['key']} could not be taken: {first['reason']}")


def _counter(visit: Visit, say: Say) -> Callable[[Seen], None]:
    count = 0

    def watch(seen: Seen) -> None:
        nonlocal count
        count += 1
        say(f"Demo: {visit.source.name}, page {count} of {visit.total}: {seen.key}")

    return watch


def _ensure_policy(admin: User) -> Policy:
    found = Policy.objects.filter(slug="house-rules").first()
    return found or create_policy(admin, slug="house-rules", name="House rules", rules=RULES)


def _ensure_assistants(admin: User, policy: Policy) -> None:
    if not Assistant.objects.filter(slug="handbook").exists():
        create_assistant(
            admin,
            slug="handbook",
            name="Handbook",
            description="Answers with the exact words of the handbook, and shows where they stand.",
            suggestions=json.loads((FOLDER / "suggestions.json").read_text()),
            mode=Assistant.Mode.QUOTE,
            policy=policy,
            is_for_everyone=True,
            is_default=True,
        )
    model = Model.objects.filter(workers__isnull=False, role="generate").order_by("created_at").first()
    if model and not Assistant.objects.filter(slug="writer").exists():
        create_assistant(
            admin,
            slug="writer",
            name="Free writer",
            description=(
                "A demonstration: a very small model writes freely, without the handbook, and gets facts wrong."
                if model.is_demonstration
                else "Writes freely, without the handbook."
            ),
            suggestions=["Write a short welcome note for a new colleague.", "Suggest three names for a meeting room."],
            mode=Assistant.Mode.GENERATE,
            model=model,
            searches=False,
            policy=policy,
            is_for_everyone=True,
            max_tokens=300,
            repeats_answers=False,  # who asks for a note twice wants another one
        )


def _ensure_prompts(people: dict[str, User]) -> None:
    for owner, shared_with, name, text in PROMPTS:
        if text not in SavedPrompt.objects.filter(owner=people[owner]).values_list("text", flat=True):
            group = Group.objects.get(name=shared_with) if shared_with else None
            create_prompt(people[owner], name=name, text=text, group=group)


def _ask_questions(people: dict[str, User]) -> None:
    handbook = Assistant.objects.get(slug="handbook")
    for number, (name, question) in enumerate(HELD_QUESTIONS, 1):
        client_id = f"demo-{number}"
        if Message.objects.filter(client_id=client_id, conversation__owner=people[name]).exists():
            continue
        with transaction.atomic():
            conversation = start_conversation(people[name], assistant=handbook)
            ask(people[name], conversation=conversation, text=question, client_id=client_id)
