"""Whatever is sent to the REST interfaces, they answer without breaking: drawn from their own description."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from accounts.models import Group, Role, User
from app.api import api, openai_api
from tests import factories
from tests.architecture.world import make_world
from tests.serving import server

__all__ = ["server"]

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 60.0
EXAMPLES = 6
SEED = 20260101
# Of an answer that is under way these tell for as long as it is; their ids are drawn, not taken from the world.
ENDLESS = {"/api/v1/messages/{message_id}/events"}
# A part that does not answer is told with 502 to 504, and is no bug.
BROKEN = {500, 501, 505}
# Which thing of the world stands for a parameter, where its name does not say it.
NAMED = {"message_id": "answer", "case_id": "claimed_case", "generation_id": "failed_generation", "sync_id": "sync"}


@pytest.fixture
def everything(
    request: pytest.FixtureRequest,
    transactional_db: None,
    alice: User,
    bob: User,
    charlie: User,
    olivia: User,
    dana: User,
    aaron: User,
    ada: User,
    crew: Group,
    embedding_weights: Path,
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The address, a key that may do all there is to do, and the ids of one of everything."""
    people = {
        "alice": alice,
        "bob": bob,
        "charlie": charlie,
        "olivia": olivia,
        "dana": dana,
        "aaron": aaron,
        "ada": ada,
    }
    ids = make_world(people, crew)
    User.objects.filter(pk=alice.pk).update(roles=list(Role.values))
    # Not before the world is whole: a server that starts may make some of it itself.
    server: str = request.getfixturevalue("server")
    yield server, factories.make_key(alice), ids


def operations() -> list[tuple[str, Any]]:
    """Every operation of both interfaces, by name, in an order that stays."""
    found = []
    for interface in (api, openai_api):
        schema = schemathesis.openapi.from_dict(interface.get_openapi_schema())
        for result in schema.get_all_operations():
            operation = result.ok()
            found.append((f"{operation.method.upper()} {operation.path}", operation))
    return sorted(found, key=lambda one: one[0])


def test_nothing_that_is_sent_breaks_it(everything: tuple[str, str, dict[str, str]]) -> None:
    address, secret, ids = everything
    broken: dict[str, str] = {}
    sent: dict[str, int] = {}
    began = time.monotonic()
    with requests.Session() as session:
        drawn = operations()
        for done, (name, operation) in enumerate(drawn):
            # A slow machine draws less, but something for each.
            left = SECONDS - (time.monotonic() - began)
            examples = EXAMPLES if left > SECONDS * (1 - done / len(drawn)) * 0.5 else 1
            sender = Sender(session, address, secret, ids)
            sent[name] = sender.send(operation, examples)
            if sender.broken:
                broken[name] = sender.broken
    assert len(sent) > 100
    assert min(sent.values()) >= 1
    assert not broken, broken


@dataclass
class Sender:
    """Sends what is drawn for one operation, some of it about what there is."""

    session: requests.Session
    address: str
    secret: str
    ids: dict[str, str]
    broken: str = ""
    count: int = 0

    def send(self, operation: Any, examples: int) -> int:
        """How many requests went out."""

        @seed(SEED)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), about_what_there_is=st.booleans())
        def once(case: Any, about_what_there_is: bool) -> None:
            if about_what_there_is and operation.path not in ENDLESS:
                drawn = case.path_parameters or {}
                case.path_parameters = {key: known(key, self.ids) or value for key, value in drawn.items()}
            self._send(case)

        once()
        return self.count

    def _send(self, case: Any) -> None:
        headers = {"Authorization": f"Bearer {self.secret}"}
        try:
            response = case.call(base_url=self.address, session=self.session, headers=headers, timeout=20)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            return  # no client could send that
        self.count += 1
        if response.status_code in BROKEN:
            self.broken = f"{response.status_code} for {case.as_curl_command()}"


def known(parameter: str, ids: dict[str, str]) -> str | None:
    name = NAMED.get(parameter, parameter.removesuffix("_id"))
    value = ids.get(name)
    return None if value is None else str(value)
