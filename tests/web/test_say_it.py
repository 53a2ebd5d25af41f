"""What code says in English, as a reader in another language reads it."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.template import Context, Template
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from app.web.saying import said, written


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("There is nothing here.", "Hier ist nichts."),
        ("It has no page 7.", "Es hat keine Seite 7."),
        ("It is larger than 50 MB.", "Es ist größer als 50 MB."),
        (
            "a.pdf could not be read. It has no page 7. Remove it, and ask again.",
            "a.pdf konnte nicht gelesen werden. Es hat keine Seite 7. "
            "Entfernen Sie die Datei, und fragen Sie noch einmal.",
        ),
        ("A sentence that no code says.", "A sentence that no code says."),
        ("", ""),
    ],
)
def test_a_sentence_is_known_again_by_its_words(english: str, german: str) -> None:
    with translation.override("de"):
        assert said(english) == german
    with translation.override("en"):
        assert said(english) == english


def test_names_in_a_sentence_are_kept_and_isolated() -> None:
    with translation.override("ar"):
        told = said("Another source is called Handbook (old) by now. Rename that one first.")
        assert told.startswith("صار اسم مصدر آخر \u2068Handbook (old)\u2069")


def test_what_was_unsafe_stays_so() -> None:
    with translation.override("de"):
        told = said("There is no group called <b>x</b> that you are in.")
        assert not isinstance(told, SafeString)
        assert "&lt;b&gt;x&lt;/b&gt;" in Template("{{ told|said }}").render(Context({"told": told}))
        assert isinstance(said(mark_safe("There is nothing here.")), SafeString)


@pytest.mark.parametrize(
    ("language", "number", "decimals", "text"),
    [("en", 1234.56, 1, "1,234.6"), ("de", 1234.56, 1, "1.234,6"), ("en", 0.5, 0, "0"), ("de", 12, 0, "12")],
)
def test_numbers_have_the_readers_signs(language: str, number: float, decimals: int, text: str) -> None:
    with translation.override(language):
        assert written(number, decimals) == text


def test_days_are_written_as_the_language_does() -> None:
    template = Template('{{ day|date:"j F Y, H:i" }}')
    day = Context({"day": datetime(2026, 3, 1, 9, 5)})
    texts = {}
    for language in ("en", "de", "ar"):
        with translation.override(language):
            texts[language] = template.render(day)
    assert texts == {"en": "1 March 2026, 09:05", "de": "1. März 2026, 09:05", "ar": "1 مارس 2026، 09:05"}
