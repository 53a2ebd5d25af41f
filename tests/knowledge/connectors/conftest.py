"""Servers on loopback, which SOURCE_HOSTS lets in for the test, as an operator would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

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
