"""Style sheets and scripts as `make run` and the image hand them out: all there, small, their imports right."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.storage import storages
from django.core.management import call_command
from django.test import override_settings

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r'{% static "([^"]+)" %}')
BUDGET_BYTES = 60_000


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("static")
    small = {"staticfiles": {"BACKEND": "app.web.statics.SmallStaticFilesStorage"}}
    with override_settings(STATIC_ROOT=str(folder), STORAGES=small):
        call_command("collectstatic", interactive=False, verbosity=0)
        yield folder


def address(name: str) -> str:
    return str(storages["staticfiles"].url(name)).removeprefix(staticfiles_storage.base_url or "/static/")


def test_every_file_that_a_template_names_is_there(collected: Path) -> None:
    names = {name for path in (ROOT / "templates").rglob("*.html") for name in NAMED.findall(path.read_text())}
    assert len(names) > 40
    for name in names:
        assert (collected / address(name)).exists(), name


def test_modules_import_each_other_by_the_names_they_were_given(collected: Path) -> None:
    stream = (collected / address("js/stream.js")).read_text()
    assert f"./{address('js/branches.js').removeprefix('js/')}" in stream
    assert "/*" not in stream


def test_the_first_chat_page_loads_little(collected: Path) -> None:
    texts = [(ROOT / "templates" / name).read_text() for name in ("base.html", "chat/page.html")]
    names = {name for text in texts for name in NAMED.findall(text) if name.endswith((".js", ".css"))}
    assert "css/chat.css" in names
    names |= {
        f"js/{other}" for name in names if name.startswith("js/")
        for other in re.findall(r'from "\./([\w-]+\.js)"', (ROOT / "static" / name).read_text())
    }  # fmt: skip
    sizes = {name: (collected / f"{address(name)}.gz").stat().st_size for name in names}
    assert sum(sizes.values()) <= BUDGET_BYTES, sizes
