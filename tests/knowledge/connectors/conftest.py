"""Servers on loopback, which SOURCE_HOSTS lets in for the test, as an operator would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.knowledge.connectors.buckets import Store
from tests.knowledge.connectors.sites import Site, running


@pytest.fixture
def model() -> None:
    """Nothing here embeds anything."""


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    with running(Site()) as started:
        settings.SOURCE_HOSTS = [started.host]
        yield started


@pytest.fixture
def second_site(site: Site, settings: Any) -> Iterator[Site]:
    """Another host that may be asked."""
    with running(Site()) as started:
        settings.SOURCE_HOSTS = [site.host, started.host]
        yield started


@pytest.fixture
def hidden_site(settings: Any) -> Iterator[Site]:
    """A server of the inner network, which nobody let in."""
    with running(Site()) as started:
        yield started


@pytest.fixture(scope="session")
def s3_server() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: ThreadedMotoServer, settings: Any) -> Store:
    store = Store(s3_server.get_host_and_port()[1])
    settings.SOURCE_HOSTS = [store.host]
    return store
