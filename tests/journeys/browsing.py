"""A browser that tells of everything that went wrong in it: scripts, the console, requests, and where they went."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect, sync_playwright

from tests.factories import PASSWORD
from tests.journeys.house import House

# On a busy machine everything takes long; nothing here is a measurement.
WAIT_MS = 60_000


def chromium() -> str:
    """Where Chromium is. Raises AssertionError, with what to do, when there is none."""
    path = os.environ.get("PARLEY_CHROMIUM") or "/usr/bin/chromium"
    assert Path(path).is_file(), (
        f"The journeys need a Chromium, and there is none at {path}. "
        "`make test` gets one; or name one with PARLEY_CHROMIUM=/path/to/chromium."
    )
    return path


@contextmanager
def open_browser() -> Iterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    with unhurried(), sync_playwright() as playwright:
        # A name outside would not even be looked up: what a page tries is seen, and reaches nobody.
        away = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
        quiet = ["--disable-gpu", "--disable-background-networking", "--no-first-run", away]
        with playwright.chromium.launch(executable_path=chromium(), args=quiet) as browser:
            yield browser


# What a person does with a page, and what they have before them only when it has come.
DEEDS = ("check", "click", "dblclick", "fill", "focus", "hover", "press", "press_sequentially", "select_option")
DEEDS += ("set_input_files", "tap", "uncheck")


@contextmanager
def unhurried() -> Iterator[None]:
    """Nobody presses a key or a button of a page whose scripts have not come yet, as no person is quick enough to.

    Playwright waits for what is acted at, and that is there, and does something else, before the scripts are. Whether
    they were depended on the machine.
    """

    def waiting(deed: Callable[..., Any]) -> Callable[..., Any]:
        def act(self: Locator, *args: Any, **options: Any) -> Any:
            self.page.wait_for_load_state()
            return deed(self, *args, **options)

        return act

    def hand(name: str) -> property:
        own = getattr(Page, name)

        def take(self: Page) -> Any:
            self.wait_for_load_state()
            return own.fget(self)

        return property(take)

    with pytest.MonkeyPatch.context() as patch:
        for name in DEEDS:
            patch.setattr(Locator, name, waiting(getattr(Locator, name)))
        for name in ("keyboard", "mouse"):
            patch.setattr(Page, name, hand(name))
        yield


class Window:
    """One person's browser: its own cookies, any number of tabs, and a list of what went wrong in them."""

    def __init__(self, browser: Browser, house: House, **options: Any) -> None:
        self.house = house
        self.wrongs: list[str] = []
        self.expected: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=house.url, **options)
        self.context.set_default_timeout(WAIT_MS)
        self.context.on("console", lambda line: self._note_console(line.type, line.text))
        self.context.on("weberror", lambda event: self._note("a script failed", str(event.error)))
        self.context.on("request", lambda request: self._note_address(request.url))
        self.context.on("requestfailed", self._note_failure)
        self.context.on("response", lambda one: one.status < 400 or self._note(f"answered {one.status}", one.url))
        self.context.on("page", lambda page: page.on("websocket", lambda line: self._note_address(line.url)))

    def open(self, path: str = "/") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.goto(path)
        return page

    def expect(self, words: str) -> None:
        """Let the console say ``words``: the journey itself breaks something."""
        self.expected.append(words)

    def left_alone(self) -> list[str]:
        """What went wrong, besides what was expected."""
        return [wrong for wrong in self.wrongs if not any(words in wrong for words in self.expected)]

    def _note(self, what: str, detail: str) -> None:
        self.wrongs.append(f"{what}: {detail}")

    def _note_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._note(f"console {kind}", text)

    def _note_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(self.house.url).netloc:
            self._note("went outside", url)

    def _note_failure(self, request: Request) -> None:
        # A page that is left takes its open requests with it, as every browser does.
        if request.failure != "net::ERR_ABORTED":
            self._note("request failed", f"{request.url} {request.failure}")


def sign_in(page: Page, name: str) -> None:
    """By the form, as ``name@example.org``; ends on the page for a new question."""
    page.goto("/")
    page.get_by_role("textbox", name="Email").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="What would you like to know?")).to_be_visible()


def ask(page: Page, question: str) -> Locator:
    """Write ``question`` and send it with Enter; the answer's article, as soon as there is one."""
    answers = page.locator("article.answer")
    before = answers.count()
    field = page.get_by_label("Your question")
    field.fill(question)
    field.press("Enter")
    expect(answers).to_have_count(before + 1)
    return answers.nth(before)


def ends(answer: Locator, state: str = "done") -> Locator:
    """Wait until the answer has come to ``state``; its text."""
    expect(answer).to_have_attribute("data-state", state)
    return answer.locator(".prose").first


def eventually(page: Page, true: Callable[[], bool]) -> None:
    """Wait until ``true()``, of what the page tells Playwright."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        page.wait_for_timeout(50)


def plain(text: str) -> str:
    """Words alone, with one space between them."""
    return re.sub(r"\s+", " ", text).strip()
