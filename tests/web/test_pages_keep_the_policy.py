"""What every page promises the browser: nothing inline, nothing from outside."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STATIC = ROOT / "static"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_nothing_the_content_policy_refuses(path: Path) -> None:
    text = path.read_text()
    markup = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    assert not re.search(r"<[^>]*\sstyle\s*=", markup), "inline style"
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", markup), "inline handler"
    assert not re.search(r"<style\b", text), "inline style sheet"
    assert not re.search(r"\bhx-on|\bhx-vals\s*=\s*['\"]js:", text), "htmx would have to evaluate code"
    for tag in re.findall(r"<script\b[^>]*>", text):
        assert "{% static " in tag, f"a script from elsewhere: {tag}"
    for tag in re.findall(r"<(?:link|img|iframe)\b[^>]*>", text):
        assert "//" not in tag, f"something from outside: {tag}"


def test_style_sheets_load_nothing_from_outside() -> None:
    for path in STATIC.rglob("*.css"):
        assert not re.search(r"@import|url\(", path.read_text()), path.name


def test_every_icon_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "icons/sprite.svg").read_text()))
    for path in TEMPLATES:
        used = set(re.findall(r'icon(?:\.html" with name)?="([\w-]+)"', path.read_text()))
        assert used <= drawn, f"{path.name} uses {used - drawn}"
