"""One running Parley and one Chromium for all journeys; a window for each person, clean at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.plugin import DjangoDbBlocker

from app.inference.scripted_server import ScriptedServer
from tests.journeys.browsing import Window, open_browser, sign_in
from tests.journeys.house import House, empty, free_port, furnish

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="package")
def house(django_db_setup: None, django_db_blocker: DjangoDbBlocker, embedding_weights: Path) -> Iterator[House]:
    with django_db_blocker.unblock(), ScriptedServer() as model:
        try:
            furnish(model)
            running = House(free_port(), model)
            try:
                running.start_web()
                yield running
            finally:
                running.stop()
            assert "Traceback" not in running.said(), running.said()
        finally:
            empty()


@pytest.fixture(scope="module", autouse=True)
def no_worker_is_left(house: House) -> Iterator[None]:
    yield
    house.stop_worker()


@pytest.fixture(scope="package")
def browser(house: House) -> Iterator[Browser]:
    with open_browser() as chromium:
        yield chromium


@pytest.fixture(scope="package")
def cookies() -> dict[str, Any]:
    """Whoever has signed in by the form once, and how their browser remembers it."""
    return {}


@pytest.fixture
def window(house: House, browser: Browser, cookies: dict[str, Any]) -> Iterator[OpenWindow]:
    """``window("alice")``: her browser, signed in; ``window()`` is nobody's. Other arguments are Playwright's."""
    opened: list[Window] = []

    def open_one(name: str | None = None, **options: Any) -> Window:
        if name and name in cookies:
            options["storage_state"] = cookies[name]
        opened.append(Window(browser, house, **options))
        if name and name not in cookies:
            page = opened[-1].context.new_page()
            sign_in(page, name)
            page.close()
            cookies[name] = opened[-1].context.storage_state()
        return opened[-1]

    yield open_one
    house.model.script()
    wrongs = [wrong for one in opened for wrong in one.left_alone()]
    for one in opened:
        one.context.close()
    assert not wrongs, wrongs
