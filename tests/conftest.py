"""The database, and the fixed cast that every test speaks of.

alice makes things and owns them, bob is in her group, charlie is outside it; dana and erin moderate, olivia keeps
content, aaron audits, ada administers. The tests run as the role that Parley serves as, on tables that the owning role
made, so that what the database refuses in production it refuses here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.management import call_command
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from accounts.limits import counting
from accounts.models import Group, Role, User
from accounts.ownership import as_owner
from accounts.programs import failures
from accounts.sealed import person_keys
from app.inference.costing import pricing
from app.inference.routing import workers
from tests import factories, recorded

SignIn = Callable[[User | None], Client]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The run's own cluster holds one database, used as it is: a server started beside the tests sees it too."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0, interactive=False)
        with as_owner(), connection.cursor() as cursor:
            # Tests with real commits empty the tables after themselves; Parley never does.
            role = connection.ops.quote_name("parley")
            cursor.execute(f"grant truncate on all tables in schema public to {role}")
            cursor.execute(
                f"revoke truncate on audit_event, audit_head, audit_checkpoint, django_migrations from {role}"
            )
    yield
    with django_db_blocker.unblock():
        connection.close()
        connection.close_pool()


EMPTYING = """do $$ declare one text; has_rows boolean; begin
  foreach one in array array[{names}] loop
    execute format('select exists (select from %I)', one) into has_rows;
    if has_rows then execute format('delete from %I', one); end if;
  end loop;
end $$"""


@pytest.fixture(scope="session", autouse=True)
def tables_are_emptied_row_by_row() -> Iterator[None]:
    """After a test with real commits few tables have rows, and few of them: truncating all takes 0.3 s, this .02."""

    def statements(self: DatabaseOperations, style: object, tables: list[str], **options: object) -> list[str]:
        return [EMPTYING.format(names=", ".join(f"'{name}'" for name in tables))] if tables else []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", statements)
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files_are_looked_for_once() -> Iterator[None]:
    """Every test client builds the middleware anew, and looking through all static files was half of its first request.

    They are the same for the whole run; files collected into a folder (STATIC_ROOT) are not looked for in this way.
    """
    found: dict[str, StaticFile] = {}
    look = WhiteNoiseMiddleware.add_files_from_finders

    def add_files(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files.update(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add_files)
        yield


@pytest.fixture(scope="session", autouse=True)
def passwords_are_hashed_cheaply() -> Iterator[None]:
    """A password costs a third of a second of all processors on purpose, and tests set and try hundreds."""
    with pytest.MonkeyPatch.context() as patch:
        for name, least in (("time_cost", 1), ("memory_cost", 64), ("parallelism", 1)):
            patch.setattr(Argon2PasswordHasher, name, least)
        yield


@pytest.fixture(autouse=True)
def registry_read_anew() -> None:
    """No test meets the model servers, prices, limits and wrong keys of the one before, nor its events."""
    recorded.begin()
    read_registry_anew()


def read_registry_anew() -> None:
    """Forget what this process remembers of the database."""
    workers.forget()
    pricing.forget()
    counting.forget()
    failures.forget()
    person_keys.forget()


@pytest.fixture
def crew(db: None) -> Group:
    return Group.objects.create(name="Crew")


@pytest.fixture
def alice(crew: Group) -> User:
    """An employee in Crew; owns the things a test is about."""
    return factories.make_user("alice", groups=[crew])


@pytest.fixture
def bob(crew: Group) -> User:
    """An employee who shares alice's group."""
    return factories.make_user("bob", groups=[crew])


@pytest.fixture
def charlie(db: None) -> User:
    """An employee outside every group."""
    return factories.make_user("charlie")


@pytest.fixture
def dana(db: None) -> User:
    return factories.make_user("dana", roles=[Role.MODERATOR])


@pytest.fixture
def erin(db: None) -> User:
    """The second moderator."""
    return factories.make_user("erin", roles=[Role.MODERATOR])


@pytest.fixture
def olivia(crew: Group) -> User:
    """Keeps content for Crew."""
    return factories.make_user("olivia", roles=[Role.OWNER], groups=[crew])


@pytest.fixture
def aaron(db: None) -> User:
    return factories.make_user("aaron", roles=[Role.AUDITOR])


@pytest.fixture
def ada(db: None) -> User:
    return factories.make_user("ada", roles=[Role.ADMIN], is_staff=True)


@pytest.fixture
def sam(crew: Group) -> User:
    """Suspended; was in Crew."""
    return factories.make_user("sam", groups=[crew], is_active=False)


@pytest.fixture
def signed_in() -> SignIn:
    """``signed_in(alice)``: a browser with her session; None gives one without."""

    def sign_in(user: User | None) -> Client:
        client = Client()
        if user is not None:
            client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return sign_in


@pytest.fixture
def with_key() -> SignIn:
    """``with_key(alice)``: a program that acts for her by an API key."""

    def client_of(user: User | None) -> Client:
        return Client(headers={"Authorization": f"Bearer {factories.make_key(user)}"} if user else {})

    return client_of


# Files of these folders take minutes; begun last, one of them would keep a single process busy at the end.
LONG = ("journeys", "embedded", "demo", "inference")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first; within them, and among the others, the order stays."""

    def rank(item: pytest.Item) -> int:
        folder = item.path.parent.name
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=rank)
