"""Take the pictures of the README from a running Parley with its demo: ``.venv/bin/python docs/images/make.py``.

PARLEY_DATA_DIR names the data folder of that Parley (``var`` without it), PARLEY_CHROMIUM the browser.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).resolve().parent
QUESTION = "How many days of annual leave do I have, and can I carry some over?"
DESK = {"viewport": {"width": 1440, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
PICTURES: list[tuple[str, dict[str, Any]]] = [
    ("light", DESK | {"color_scheme": "light"}),
    ("dark", DESK | {"color_scheme": "dark"}),
    ("phone", PHONE | {"color_scheme": "light"}),
    ("arabic", DESK | {"color_scheme": "light"}),
]


def signed_in(browser: Browser, demo: dict[str, Any], options: dict[str, Any]) -> Page:
    account = next(one for one in demo["accounts"] if one["role"] == "employee")
    page = browser.new_page(base_url=demo["url"], reduced_motion="reduce", **options)
    page.goto("/account/login/")
    page.locator("[name=login]").fill(account["email"])
    page.locator("[name=password]").fill(account["password"])
    page.locator("main button[type=submit]").first.click()
    return page


def choose_language(page: Page, code: str) -> None:
    page.locator('[popovertarget="language-menu"]').click()
    page.locator(f'#language-menu [value="{code}"]').click()
    expect(page.locator("html")).to_have_attribute("lang", code)


def ask(page: Page) -> None:
    page.goto("/?assistant=handbook")
    page.locator("#question").fill(QUESTION)
    page.locator("#send").click()
    expect(page.locator("article.answer")).to_have_attribute("data-state", "done", timeout=60_000)


def take(page: Page, name: str) -> None:
    page.locator("a.cite").first.click()
    expect(page.locator("#viewer-body .passage")).to_be_visible()
    page.wait_for_timeout(600)
    Image.open(io.BytesIO(page.screenshot())).save(HERE / f"{name}.webp", quality=80, method=6)


def main() -> None:
    demo = json.loads(Path(os.environ.get("PARLEY_DATA_DIR", "var"), "demo.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("PARLEY_CHROMIUM"), args=["--no-sandbox"])
        for name, options in PICTURES:
            page = signed_in(browser, demo, options)
            if name == "arabic":
                choose_language(page, "ar")
            ask(page)
            take(page, name)
            if name == "arabic":
                page.goto("/")
                choose_language(page, "en")
            page.context.close()
        browser.close()


if __name__ == "__main__":
    main()
