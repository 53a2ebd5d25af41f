"""The demo company's files are complete, can be opened, and hold the answers that the demo's questions expect."""

import datetime
import json
from pathlib import Path
from typing import TypedDict

import docx
import frontmatter
import lxml.html
import pypdfium2
import pytest

from app.demo.company import FOLDER, READERS, make_documents

PAGES = sorted(path for folder in READERS for path in (FOLDER / folder).glob("*.md"))
MADE = {
    make_documents.RATES_NAME: make_documents.write_rates,
    make_documents.CHECKLIST_NAME: make_documents.write_checklist,
}


class Question(TypedDict):
    question: str
    file: str
    answer_contains: str
    readers: str


QUESTIONS: list[Question] = json.loads((FOLDER / "questions.json").read_text())
SUGGESTIONS: list[str] = json.loads((FOLDER / "suggestions.json").read_text())


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def text_of(path: Path) -> str:
    """Return a file's text with every run of white space made one space, as PDF breaks lines where it likes."""
    if path.suffix == ".md":
        return on_one_line(frontmatter.load(str(path)).content)
    if path.suffix == ".html":
        return on_one_line(lxml.html.parse(str(path)).getroot().text_content())
    if path.suffix == ".pdf":
        with pypdfium2.PdfDocument(path) as document:
            return on_one_line(" ".join(page.get_textpage().get_text_range() for page in document))
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return on_one_line(" ".join([*(paragraph.text for paragraph in document.paragraphs), *cells]))


def test_there_is_enough_to_ask_about():
    assert len(PAGES) >= 14
    assert {path.suffix for path in (FOLDER / "everyone").iterdir()} == {".md", ".pdf", ".docx", ".html"}
    assert len(list((FOLDER / "people-team").iterdir())) >= 3
    assert len(list((FOLDER / "engineering").iterdir())) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_a_title_an_owner_and_a_review_date(page):
    loaded = frontmatter.load(str(page))
    assert set(loaded.metadata) == {"title", "owner", "review_by"}
    assert loaded.content.startswith(f"# {loaded['title']}\n")
    assert loaded["owner"].endswith("@haldenrook.example")
    assert isinstance(loaded["review_by"], datetime.date)
    assert 350 <= len(loaded.content.split()) <= 900


def test_titles_are_unique():
    titles = [frontmatter.load(str(page))["title"] for page in PAGES]
    assert len(set(titles)) == len(titles)


def test_the_html_page_names_its_title_owner_and_review_date():
    for path in (FOLDER / "everyone").glob("*.html"):
        page = lxml.html.parse(str(path)).getroot()
        metadata = {meta.get("name"): meta.get("content") for meta in page.iter("meta") if meta.get("name")}
        assert page.findtext(".//title") == page.findtext(".//h1")
        assert metadata["owner"].endswith("@haldenrook.example")
        assert datetime.date.fromisoformat(metadata["review_by"])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["question"])
def test_the_file_answers_the_question_word_for_word(question):
    assert set(question) == set(Question.__annotations__)
    assert question["answer_contains"] in text_of(FOLDER / question["file"])
    folder = question["file"].split("/")[0]
    assert question["readers"] == (READERS[folder] or "everyone")


def test_there_are_forty_questions_for_every_circle_and_every_page():
    assert len(QUESTIONS) == len({question["question"] for question in QUESTIONS}) == 40
    assert {question["readers"] for question in QUESTIONS} == {"everyone", "People team", "Engineering"}
    documents = {path.relative_to(FOLDER).as_posix() for folder in READERS for path in (FOLDER / folder).iterdir()}
    assert {question["file"] for question in QUESTIONS} == documents


def test_an_answer_for_some_is_not_also_in_a_file_for_everyone():
    open_to_all = " ".join(text_of(path) for path in (FOLDER / "everyone").iterdir())
    for question in QUESTIONS:
        if question["readers"] != "everyone":
            assert question["answer_contains"] not in open_to_all


def test_there_are_four_short_suggestions():
    assert len(SUGGESTIONS) == 4
    assert all(len(suggestion) <= 60 for suggestion in SUGGESTIONS)


def test_the_pdf_has_pages_headings_and_a_title():
    with pypdfium2.PdfDocument(FOLDER / "everyone" / make_documents.RATES_NAME) as document:
        assert 2 <= len(document) <= 3
        assert document.get_metadata_dict()["Title"] == make_documents.RATES_TITLE
        bookmarks = [bookmark.get_title() for bookmark in document.get_toc()]
    assert bookmarks == [heading for heading, _ in make_documents.RATES]


def test_the_word_file_has_headings_and_tables():
    document = docx.Document(str(FOLDER / "everyone" / make_documents.CHECKLIST_NAME))
    headings = [paragraph.text for paragraph in document.paragraphs if paragraph.style.name == "Heading 1"]
    assert headings == [heading for heading, _ in make_documents.CHECKLIST]
    assert document.core_properties.title == make_documents.CHECKLIST_TITLE
    assert len(document.tables) >= 3


@pytest.mark.parametrize("name", MADE)
def test_the_committed_file_says_what_the_script_writes(name, tmp_path):
    MADE[name](tmp_path / name)
    assert text_of(tmp_path / name) == text_of(FOLDER / "everyone" / name)


@pytest.mark.parametrize("name", MADE)
def test_writing_a_document_twice_gives_the_same_bytes(name, tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        MADE[name](tmp_path / folder / name)
    assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
