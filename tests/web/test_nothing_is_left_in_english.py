"""Every page in a language that is not: each message of the catalogues stands in ⟦brackets⟧, so what stands outside of
them is either somebody's data or was forgotten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import allauth
import django
import lxml.html
import pytest
from django.apps import apps
from django.conf.locale import LANG_INFO
from django.utils import translation

from accounts.models import Group, User
from deploy.words import bare, catalogues, sources
from tests.architecture.access_matrix import PAGES
from tests.architecture.test_access import World
from tests.architecture.world import make_world
from tests.conftest import SignIn

# Who sees most of a page, first.
CALLERS = ("olivia", "ada", "alice", "dana", "aaron", "bob", "charlie", "anonymous")
ROWS = [row for row in PAGES if row.method == "GET"]
BRACKETS = re.compile("⟦[^⟦⟧]*⟧")
WORDS = re.compile(r"[^\W\d_]{3,}")
ATTRIBUTES = ("aria-label", "title", "placeholder", "alt", "data-label")
SKIPPED = ("script", "style", "code", "kbd", "pre")
# What an example or a figure is made of.
ALSO = {"parley", "Bearer", "KEY", "Authorization", "json", "none"}
# What a table is to begin with.
HEADS = {"email,name,roles,groups"}


@pytest.fixture
def bracketed(settings: Any, tmp_path: Path) -> Iterator[None]:
    catalogue: catalogues.Catalogue = {}
    packages = [Path(django.__file__).parent / "conf", Path(allauth.__file__).parent]
    packages += [Path(django.__file__).parent / "contrib" / name for name in ("auth", "humanize", "postgres")]
    for package in packages:
        catalogue |= catalogues.read(package / "locale" / "de" / "LC_MESSAGES" / "django.po")
    for found in sources.messages().values():
        catalogue |= {key: catalogues.Entry(message) for key, message in found.items()}
    for entry in catalogue.values():
        entry.forms = [f"⟦{entry.message.text}⟧", f"⟦{entry.message.plural}⟧"] if entry.message.plural else []
        entry.forms = entry.forms or [f"⟦{entry.message.text}⟧"]
        entry.is_fuzzy = False
    place = tmp_path / "xx" / "LC_MESSAGES" / "django.mo"
    place.parent.mkdir(parents=True)
    place.write_bytes(catalogues.compiled(catalogue, "de"))
    LANG_INFO["xx"] = {"bidi": False, "code": "xx", "name": "Brackets", "name_local": "⟦Brackets⟧"}
    settings.LANGUAGES = [*settings.LANGUAGES, ("xx", "Brackets")]
    settings.LOCALE_PATHS = [tmp_path]
    yield
    translation.activate("en")
    del LANG_INFO["xx"]


@pytest.fixture
def world(bracketed: None, crew: Group, request: pytest.FixtureRequest, signed_in: SignIn) -> World:
    people = {name: request.getfixturevalue(name) for name in CALLERS if name != "anonymous"}
    User.objects.update(language="xx")
    return World(people, make_world(people, crew), signed_in, signed_in)


def data() -> set[str]:
    """Every word that somebody wrote, or a worker wrote down."""
    texts: list[str] = []
    for label in ("accounts", "chat", "knowledge", "moderation", "inference"):
        for model in apps.get_app_config(label).get_models():
            for row in model._default_manager.all():
                texts += [json.dumps(value, default=str, ensure_ascii=False) for value in vars(row).values()]
    return {word for text in texts for word in WORDS.findall(text)}


def left_over(page: str, known: set[str]) -> list[str]:
    while BRACKETS.search(page):
        page = BRACKETS.sub("", page)
    document: Any = lxml.html.document_fromstring(page)
    found: list[str] = []
    for element in document.iter():
        if not isinstance(element.tag, str):
            continue
        if not any(one.tag in SKIPPED or ("lang" in one.attrib and one.tag != "html") for one in _up(element)):
            found += [element.text or "", *(element.get(name) or "" for name in ATTRIBUTES)]
        parent = element.getparent()
        if parent is not None and not any(one.tag in SKIPPED for one in _up(parent)):
            found.append(element.tail or "")
    texts = [text.strip() for text in found if text.strip() not in HEADS]
    return [text for text in texts if set(WORDS.findall(bare.SAME.sub("", text))) - known - ALSO]


def _up(element: Any) -> Iterator[Any]:
    yield element
    yield from element.iterancestors()


def test_no_page_says_anything_in_english_alone(world: World) -> None:
    pages = []
    for row in ROWS:
        caller = next((name for name in CALLERS if name in row.allowed), CALLERS[0])
        response = world.ask(row, caller)
        is_page = "text/html" in response.get("Content-Type", "") and response.content.strip()
        if is_page:
            pages.append((row, response.content.decode()))
    known = data()  # with what has been written down meanwhile
    found = [f"{row}: {text}" for row, page in pages for text in left_over(page, known)]
    assert not found, "\n".join(found)
