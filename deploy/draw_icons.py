"""Draw the icons of the installed app from static/icons/favicon.svg: ``.venv/bin/python deploy/draw_icons.py``.

They are kept in the repository; this is run again when the drawing changes. PARLEY_CHROMIUM names the browser.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "static/icons"
GROUND, INK = "#12535f", "#fdfcfa"
# Name, pixels, radius of the corners and size of the drawing as shares of the whole. Phones cut a maskable icon to
# their own shape: what matters stays in the middle four fifths.
ICONS = [
    ("app-192.png", 192, 0.22, 0.66),
    ("app-512.png", 512, 0.22, 0.66),
    ("maskable-512.png", 512, 0, 0.54),
    ("apple-touch-icon.png", 180, 0, 0.62),
]


def draw(page: Page, name: str, pixels: int, radius: float, share: float) -> None:
    drawing = (FOLDER / "favicon.svg").read_text().replace("#1d6172", INK)
    page.set_viewport_size({"width": pixels, "height": pixels})
    page.set_content(
        f"<style>body{{margin:0}}div{{display:grid;place-items:center;width:{pixels}px;height:{pixels}px;"
        f"border-radius:{radius * pixels}px;background:{GROUND}}}svg{{width:{share * pixels}px}}</style>"
        f"<div>{drawing}</div>"
    )
    picture = Image.open(io.BytesIO(page.screenshot(omit_background=True)))
    picture.quantize(64, method=Image.Quantize.FASTOCTREE).save(FOLDER / name, optimize=True)


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("PARLEY_CHROMIUM"), args=["--no-sandbox"])
        page = browser.new_page()
        for icon in ICONS:
            draw(page, *icon)
        browser.close()


if __name__ == "__main__":
    main()
