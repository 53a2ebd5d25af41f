from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.embedded import paths


@pytest.fixture
def owner_connection(django_db_setup: None) -> Iterator[psycopg.Connection]:
    """The database as its owner and superuser has it; what a test does to it is rolled back."""
    with psycopg.connect(paths.database_url("owner")) as connection:
        yield connection
        connection.rollback()
