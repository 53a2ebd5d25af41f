"""What Lighthouse says of the pages an employee sees first: signing in, asking, a conversation with answers.

Needs Node and a Chromium; Lighthouse itself comes from the package index of npm, once, into BENCH_CACHE. Its speed
score is that of a simulated slow phone or of a desktop, computed from one real load on this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bench.cast import Cast, upstream_part
from bench.chromium import find_chromium
from bench.collecting import collected
from bench.crowding import page_with_answers
from bench.harness import BenchError, Goal, Row, interleaved
from bench.house import House, free_port

VERSION = "12.8.2"
CATEGORIES = {"accessibility": 100, "best-practices": 100, "performance": 95}
FORMS: dict[str, list[str]] = {"phone": [], "desktop": ["--preset=desktop"]}


def run(house: House) -> list[Row]:
    program, chromium = _lighthouse(), find_chromium()
    upstream = free_port()
    with collected(house.folder.static), house.running(upstream_part(upstream)), house.web("uvicorn") as (port, _):
        path, cookie = page_with_answers(Cast.make(f"http://127.0.0.1:{upstream}/v1"), port)
        pages = {"signing in": ("/account/login/", ""), "asking": ("/", cookie), "a conversation": (path, cookie)}
        runs = interleaved(
            {
                f"{page}, {form}": partial(
                    _scores, program, chromium, f"http://127.0.0.1:{port}", path, cookie, options
                )
                for page, (path, cookie) in pages.items()
                for form, options in FORMS.items()
            }
        )
    return [
        Row(
            f"{name}: {category}",
            [each[category] for each in scores],
            "of 100",
            goal=Goal("value", least, at_least=True),
        )
        for name, scores in runs.items()
        for category, least in CATEGORIES.items()
    ]


def _scores(program: Path, chromium: str, origin: str, path: str, cookie: str, options: list[str]) -> dict[str, float]:
    """Each category's score of one load, 0 to 100. Raises BenchError with what Lighthouse said.

    Signed in by the cookie in the browser itself: its websockets carry no header that Lighthouse could add.
    """
    port = free_port()
    command = [str(program), origin + path, "--quiet", "--output=json", f"--port={port}", "--disable-storage-reset"]
    command += [f"--only-categories={','.join(CATEGORIES)}", *options]
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        arguments = [f"--remote-debugging-port={port}", "--no-sandbox"]
        browser = playwright.chromium.launch_persistent_context(profile, executable_path=chromium, args=arguments)
        if cookie:
            name, _, value = cookie.partition("=")
            browser.add_cookies([{"name": name, "value": value, "url": origin}])
        ended = subprocess.run(command, capture_output=True, text=True, timeout=180)
        browser.close()
    if ended.returncode:
        raise BenchError(f"Lighthouse could not look at {path}:\n{ended.stderr[-800:]}")
    report: dict[str, Any] = json.loads(ended.stdout)
    if (shown := report["finalDisplayedUrl"]) != origin + path:
        raise BenchError(f"Lighthouse was to look at {path} and saw {shown}.")
    for name, audit in report["audits"].items():
        if audit["score"] is not None and audit["score"] < 0.9 and audit["scoreDisplayMode"] in ("binary", "numeric"):
            print(f"{path}: {name}: {audit['title']} {audit.get('displayValue', '')}")
    return {name: 100 * report["categories"][name]["score"] for name in CATEGORIES}


def _lighthouse() -> Path:
    """Lighthouse's program, installed unless it is there. Raises BenchError with what is missing."""
    place = Path(os.environ["BENCH_CACHE"]) / f"lighthouse-{VERSION}"
    program = place / "node_modules/.bin/lighthouse"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise BenchError("Lighthouse runs on Node, which is not installed: apt-get install nodejs npm.")
    place.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [npm, "install", "--silent", "--prefix", str(place), f"lighthouse@{VERSION}"], capture_output=True, text=True
    )
    if ended.returncode:
        raise BenchError(f"Lighthouse cannot be installed:\n{ended.stderr[-800:]}")
    return program
