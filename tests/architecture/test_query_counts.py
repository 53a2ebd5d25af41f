"""A list of twelve costs no more statements than a list of two."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import audit
from accounts.limits.periods import begin_of
from accounts.limits.spending import Spent, record_spending
from accounts.models import Group, LimitCount, User
from chat.models import Feedback, Message, Reply, Tag
from tests import factories
from tests.conftest import SignIn

FEW, MANY = 2, 12


class Stage:
    """Makes numbered things for the lists to show."""

    def __init__(self, people: dict[str, User], crew: Group) -> None:
        self.alice, self.olivia, self.crew = people["alice"], people["olivia"], crew
        self.source = factories.make_source(owner=self.olivia, name="Papers", groups=[crew])
        self.conversation = factories.make_conversation(owner=self.alice)
        self.last: Message | None = None

    def conversations(self, number: int) -> None:
        factories.make_conversation(
            owner=self.alice, title=f"{number}", active_at=timezone.now() - timedelta(days=number)
        )

    def tags(self, number: int) -> None:
        tag = Tag.objects.create(owner=self.alice, name=f"tag {number}")
        tag.conversations.add(self.conversation)

    def turns(self, number: int) -> None:
        """Each after the one before, with two versions of its answer."""
        question = factories.make_message(conversation=self.conversation, parent=self.last)
        factories.make_answer(conversation=self.conversation, parent=question, text="No.")
        answer = factories.make_answer(
            conversation=self.conversation, parent=question, text=f"Because of {number}. [1]"
        )
        self.last = answer
        document = factories.make_document(source=self.source, title=f"Paper {number}", key=f"{number}")
        factories.make_citation(message=answer, passage=document.versions.get().passages.get())

    def files(self, number: int) -> None:
        """One that a question went out with, and one that waits."""
        question = factories.make_message(conversation=self.conversation, parent=self.last)
        question.files.add(factories.make_file(owner=self.alice, conversation=self.conversation))
        self.last = question
        factories.make_file(owner=self.alice, conversation=self.conversation, asked_at=None)

    def documents(self, number: int) -> None:
        factories.make_document(source=self.source, title=f"Paper {number}", key=f"{number}")

    def sources(self, number: int) -> None:
        source = factories.make_source(owner=self.olivia, name=f"Papers {number}", groups=[self.crew])
        factories.make_document(source=source)

    def gaps(self, number: int) -> None:
        factories.make_gap(source=self.source, questions=(f"Is there a gym on floor {number}?",))

    def cases(self, number: int) -> None:
        answer = factories.make_answer(conversation=self.conversation, text="", held_text="Band 5", state="held")
        factories.make_case(subject=self.alice, content_id=answer.id)

    def feedback(self, number: int) -> None:
        """Of answers that cite olivia's documents, with a reply."""
        document = factories.make_document(source=self.source, title=f"Rated {number}", key=f"rated-{number}")
        passage = document.versions.get().passages.get()
        card = {"document_id": str(document.id), "passage_id": str(passage.id)}
        answer = factories.make_answer(conversation=self.conversation, evidence=[card])
        factories.make_citation(message=answer, passage=passage)
        given = Feedback.objects.create(message=answer, user=self.alice, value=-1, text="Too old.")
        Reply.objects.create(feedback=given, conversation=self.conversation, author=self.olivia, text="Renewed.")

    def unsupported(self, number: int) -> None:
        """Answers that rest on nothing, and answers that are held."""
        question = factories.make_message(conversation=self.conversation, parent=self.last)
        grounds = {"claims": 1, "unsupported": [[0, 3]], "near": [str(self.source.id)]}
        self.last = factories.make_answer(conversation=self.conversation, parent=question, text="No.", grounds=grounds)
        question = factories.make_message(conversation=self.conversation, parent=self.last)
        held = {"text": "", "held_text": "Band 5", "state": "held"}
        self.last = factories.make_answer(conversation=self.conversation, parent=question, **held)
        factories.make_case(subject=self.alice, content_id=self.last.id)

    def keys(self, number: int) -> None:
        factories.make_key(self.alice)

    def groups(self, number: int) -> None:
        factories.make_group(f"Group {number}", members=[self.alice])

    def assistants(self, number: int) -> None:
        factories.make_assistant(slug=f"assistant-{number}")

    def prompts(self, number: int) -> None:
        factories.make_prompt(owner=self.olivia, name=f"Prompt {number}", group=self.crew)

    def shares(self, number: int) -> None:
        conversation = factories.make_conversation(owner=self.alice, title=f"Shared {number}")
        factories.make_answer(conversation=conversation)
        person = factories.make_user(f"reader{number}", groups=[self.crew])
        factories.make_share(conversation=conversation, people=[person], groups=[self.crew])
        factories.make_share(conversation=self.conversation, people=[person])

    def limited_assistants(self, number: int) -> None:
        source = factories.make_source(owner=self.olivia, name=f"Papers {number}", groups=[self.crew])
        factories.make_assistant(slug=f"assistant-{number}").sources.add(source)

    def servers(self, number: int) -> None:
        factories.make_worker(
            address=f"http://10.0.0.{number}/v1", model=factories.make_model(name=f"model-{number // 2}")
        )

    def models(self, number: int) -> None:
        factories.make_model(name=f"model-{number}")

    def spending(self, number: int) -> None:
        person = factories.make_user(f"spender{number}", groups=[self.crew])
        factories.make_key(person)
        assistant = factories.make_assistant(slug=f"spending-{number}")
        spent = Spent(person.pk, assistant.pk, f"model-{number % FEW}", key_id=person.api_keys.get().pk)
        record_spending(spent)

    def limits(self, number: int) -> None:
        person = factories.make_user(f"limited{number}")
        limit = factories.make_limit(
            subject="person", subject_id=person.pk, subject_name=person.name, created_by=self.olivia
        )
        began_at = begin_of(limit.period, timezone.now())
        LimitCount.objects.create(limit=limit, holder_id=limit.pk, began_at=began_at, used=9)

    def events(self, number: int) -> None:
        audit.record(actor=self.alice, action="test.deed", obj=f"thing:{number}")


LISTS: list[tuple[str, str, Callable[[Stage, int], None]]] = [
    ("alice", "/", Stage.conversations),
    ("alice", "/", Stage.assistants),
    ("alice", "/", Stage.limited_assistants),
    ("alice", "/assistants/", Stage.assistants),
    ("alice", "/assistants/", Stage.limited_assistants),
    ("alice", "/prompts/", Stage.prompts),
    ("alice", "/prompts/menu", Stage.prompts),
    ("alice", "/shares/", Stage.shares),
    ("olivia", "/shares/?show=with", Stage.shares),
    ("alice", "/c/{conversation}/share", Stage.shares),
    ("alice", "/api/v1/conversations/{conversation}/shares", Stage.shares),
    ("alice", "/c/{conversation}/export/?format=json", Stage.turns),
    ("alice", "/c/older", Stage.conversations),
    ("alice", "/c/shelf", Stage.conversations),
    ("alice", "/", Stage.tags),
    ("alice", "/c/{conversation}/keep", Stage.tags),
    ("alice", "/search/?q=because", Stage.turns),
    ("alice", "/search/suggest?q=because", Stage.turns),
    ("alice", "/c/{conversation}/", Stage.turns),
    ("alice", "/c/{conversation}/turns", Stage.turns),
    ("alice", "/c/{conversation}/", Stage.files),
    ("alice", "/c/{conversation}/", Stage.unsupported),
    ("alice", "/", Stage.feedback),
    ("dana", "/review/feedback/?show=all", Stage.feedback),
    ("olivia", "/knowledge/feedback/?show=all", Stage.feedback),
    ("alice", "/account/keys/", Stage.keys),
    ("alice", "/account/rights/", Stage.sources),
    ("alice", "/account/rights/", Stage.groups),
    ("alice", "/account/rights/", Stage.limited_assistants),
    ("ada", "/people/", Stage.spending),
    ("ada", "/people/", Stage.groups),
    ("ada", "/people/groups/", Stage.groups),
    ("olivia", "/knowledge/", Stage.sources),
    ("olivia", "/knowledge/", Stage.documents),
    ("olivia", "/knowledge/sources/{source}/", Stage.documents),
    ("olivia", "/knowledge/home/", Stage.turns),
    ("olivia", "/knowledge/home/", Stage.gaps),
    ("olivia", "/knowledge/gaps/", Stage.gaps),
    ("olivia", "/api/v1/knowledge/home", Stage.turns),
    ("olivia", "/api/v1/gaps", Stage.gaps),
    ("dana", "/review/", Stage.cases),
    ("alice", "/api/v1/assistants", Stage.assistants),
    ("alice", "/api/v1/groups", Stage.groups),
    ("olivia", "/api/v1/sources", Stage.sources),
    ("dana", "/api/v1/cases", Stage.cases),
    ("aaron", "/api/v1/audit/events", Stage.events),
    ("aaron", "/audit/", Stage.events),
    ("alice", "/v1/models", Stage.assistants),
    *[("ada", f"/operations/usage/?by={by}", Stage.spending) for by in ("assistant", "user", "group", "key")],
    ("ada", "/operations/limits/", Stage.limits),
    ("aaron", "/api/v1/usage?by=assistant", Stage.spending),
    ("aaron", "/api/v1/limits", Stage.limits),
    ("ada", "/operations/pool/", Stage.servers),
    ("ada", "/operations/pool/models/", Stage.models),
    ("ada", "/operations/pool/assistants/", Stage.assistants),
    ("ada", "/api/v1/pool", Stage.servers),
    ("ada", "/api/v1/models", Stage.models),
    ("ada", "/admin/accounts/group/", Stage.groups),
    ("ada", "/admin/accounts/apikey/", Stage.keys),
]


@pytest.mark.parametrize(("caller", "address", "make"), LISTS, ids=[f"{row[1]}-{row[2].__name__}" for row in LISTS])
def test_a_longer_list_costs_no_more_statements(
    caller: str,
    address: str,
    make: Callable[[Stage, int], None],
    alice: User,
    olivia: User,
    dana: User,
    aaron: User,
    ada: User,
    crew: Group,
    signed_in: SignIn,
) -> None:
    people = {"alice": alice, "olivia": olivia, "dana": dana, "aaron": aaron, "ada": ada}
    stage = Stage(people, crew)
    client = signed_in(people[caller])
    address = address.format(conversation=stage.conversation.id, source=stage.source.id)
    for number in range(FEW):
        make(stage, number)
    few = statements(client, address)
    for number in range(FEW, MANY):
        make(stage, number)
    many = statements(client, address)
    assert len(many) == len(few), "\n".join(sorted(set(many) - set(few)))


def statements(client: Client, address: str) -> list[str]:
    client.get(address)  # what is made or cached the first time
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(address)
    assert answer.status_code == 200
    return [query["sql"] for query in captured.captured_queries]
