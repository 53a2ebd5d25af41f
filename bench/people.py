"""Those who ask in a benchmark, each with a key; and their lines to conversations of a running Parley."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.models import User
from accounts.people.people import create_person
from accounts.programs.keys import create_key
from chat.models import Assistant
from chat.verbs.asking import start_conversation


@dataclass(frozen=True)
class Person:
    user: User
    key: str


@dataclass(frozen=True)
class Line:
    """How to reach one conversation's socket, and its Parley."""

    port: int
    conversation_id: str
    key: str

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/conversations/{self.conversation_id}/"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def add_people(count: int) -> list[Person]:
    people = []
    for number in range(count):
        user = create_person(actor="system", email=f"reader{number}@example.org", password=None)
        people.append(Person(user, create_key(actor=user, user=user, name="bench")[1]))
    return people


def new_lines(port: int, people: Sequence[Person], assistant: Assistant) -> list[Line]:
    """A new conversation for each of ``people``."""
    return [Line(port, str(start_conversation(person.user, assistant=assistant).id), person.key) for person in people]
