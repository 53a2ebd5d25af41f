"""A conversation as a file: what is in it, that an AI wrote it, and that nothing in it acts or misleads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pypdfium2
import pytest
from django.conf import settings
from django.urls import reverse
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from accounts.models import AuditEvent, User
from app.errors import BadInputError
from chat.exporting import data, fonts, markdown, pdf
from chat.models import Conversation, Message
from chat.verbs.exporting import export_conversation
from knowledge.models import Passage
from tests import factories
from tests.conftest import SignIn

pytestmark = pytest.mark.django_db

SAYS = "Written by an AI"
QUOTE = "A full-time employee has 27 days of annual leave in a calendar year."


@pytest.fixture
def passage(olivia: User) -> Passage:
    source = factories.make_source(owner=olivia, name="Handbook")
    document = factories.make_document(source=source, title="Annual *leave*", paragraphs=[QUOTE])
    found = document.versions.get().passages.get()
    found.heading_path, found.page = ["Annual *leave*", "How much", "Full-time"], 3
    found.save()
    return found


@pytest.fixture
def leave(alice: User, passage: Passage) -> Conversation:
    """Two questions, the second answer twice, cited."""
    model = factories.make_model(name="scripted")
    writer = factories.make_assistant(slug="writer", mode="generate", model=model)
    conversation = factories.make_conversation(owner=alice, assistant=writer, title="Leave & pay")
    first = factories.make_answer(
        conversation=conversation, text="# Leave\n\nYou have **27** days [1].\n\n- by law\n- and more"
    )
    factories.make_citation(message=first, passage=passage)
    question = factories.make_message(conversation=conversation, text="And for interns?", parent=first)
    factories.make_answer(conversation=conversation, parent=question, text="An older version.")
    last = factories.make_answer(conversation=conversation, parent=question, text="They have some too [1].")
    factories.make_citation(message=last, passage=passage)
    return conversation


def exported(actor: User, conversation: Conversation, kind: str) -> str:
    return export_conversation(actor, conversation=conversation, kind=kind).content.decode()


def pdf_of(actor: User, conversation: Conversation) -> pypdfium2.PdfDocument:
    return pypdfium2.PdfDocument(export_conversation(actor, conversation=conversation, kind="pdf").content)


def text_of(document: pypdfium2.PdfDocument) -> str:
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    return " ".join(text.replace("\ufffe", "-").split())


# --- Markdown ---


def test_markdown_has_questions_answers_and_footnotes(alice: User, leave: Conversation, passage: Passage) -> None:
    text = exported(alice, leave, "md")
    assert text.startswith("# Leave & pay\n")
    assert "> How many days of leave do I have?" in text and "> And for interns?" in text
    assert "You have **27** days [^1]." in text and "They have some too [^2]." in text
    assert "older version" not in text
    link = f"{settings.PUBLIC_URL}{reverse('knowledge:passage', args=[passage.pk])}?start=0&end={len(QUOTE)}"
    assert f"[^1]: Annual \\*leave\\*, p. 3, How much › Full-time: “{QUOTE}” <{link}>" in text
    assert "[^2]: Annual \\*leave\\*" in text


def test_markdown_says_that_an_ai_wrote_it_in_its_head_and_at_each_answer(alice: User, leave: Conversation) -> None:
    text = exported(alice, leave, "md")
    head, *_ = text.partition("## Question")
    assert "were written by an AI" in head and "Model: scripted" in head and "Assistant: Writer" in head
    assert text.count(f"{SAYS} (scripted)") == 2


def test_headings_of_an_answer_stay_below_those_of_the_file(alice: User, leave: Conversation) -> None:
    assert "\n### Leave\n" in exported(alice, leave, "md")


def test_headings_that_are_underlined_stay_below_those_of_the_file(alice: User, leave: Conversation) -> None:
    factories.messages_saying("some too").update(text="Some\n====\n\n- Days\n  ----\n  off\n\ntext\n***")
    text = exported(alice, leave, "md")
    assert "\n### Some\n" in text and "\n- #### Days\n" in text
    _check_harmless(text)


@pytest.mark.parametrize(
    "typed", ["# Days", "Days\n===", "Days\n---", "> - # Days", "a\nDays\n-", "# a\n    <img src=x>"]
)
def test_a_question_has_no_headings(alice: User, leave: Conversation, typed: str) -> None:
    factories.messages_saying("And for interns?").update(text=typed)
    _check_harmless(exported(alice, leave, "md"))


HOSTILE = [
    "<script>alert(1)</script>",
    "![](https://example.org/leak?q=1)",
    "[look](javascript:alert(1))",
    "[look]( <javascript:alert(1)>)",
    "[look][x]\n\n[x]: javascript:alert(1)",
    "[look][x]\n\n> - [x]:\n>   javascript:alert(1)",
    "[a\nb]\n\n[a\nb]: <javascript:alert(1)>",
    "[`]: javascript:alert(1)`\n\n[`]",
    "[look](java&#115;cript:alert(1))",
    "[look](java&Tab;script&colon;alert(1))",
    "[look](&#1;javascript\\:alert(1))",
    "[look](\njavascript:alert(1))",
    "> [look](\n> javascript:alert(1))",
    "[look](< JavaScript:alert(1)>)",
    "[look](<a](javascript:alert(1))",
    "[look](ms-settings:display)",
    r"[look](\\\\host\share)",
    "<javascript:alert(1)>",
    "Title\n===",
    "text\n---",
    "a\nb\n===\n---\n--\n-",
    "> Title\n> ===",
    "1. Title\n   ---",
    "> # Title",
    "- 1) # Title",
    "[x]: foo:bar\n===",
    "[x]: foo:bar\n    <img src=x>",
    "[x]: /u\n2. item\n\n      <img src=x>",
    "| a |\n|---|\n| x |\n    <img src=x>",
    "| a |\n|---|\n2. x\n   ```\nopen",
    "> ```\n<img src=x onerror=alert(1)>",
    "a `b\n` <img src=x> `",
    "a ` <img src=x>\n# b `",
    "| ` <img src=x> | ` |\n|---|---|\n| ` <img src=x> | ` |",
    "- ```\n<img src=x>",
    "```\nopen\n",
    "~~~~\n```\n<img src=x>",
    "\t<img src=x>",
    "<!--\n```\n-->\n<img src=x>",
    "[^1]: false",
    "[1]: false",
    "[[^1]: /u",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_an_answer_says_acts_in_no_other_program(alice: User, leave: Conversation, hostile: str) -> None:
    for at in (hostile, f"text\n\n{hostile}\n\ntext [1]"):
        factories.messages_saying("some too").update(text=at)
        _check_harmless(exported(alice, leave, "md"))
        factories.messages_saying(at).update(text="They have some too [1].")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nor_does_what_a_question_says(alice: User, leave: Conversation, hostile: str) -> None:
    factories.messages_saying("And for interns?").update(text=hostile)
    _check_harmless(exported(alice, leave, "md"))


KEPT = """See [the page](https://example.org/a_(b) "Title: x"), [more](page.html), [write](mailto:a@b.org).

---

- `items[0]: int` and [1]
- `[key: string]: number`, `f[x](y)`

***

| a | b |
|---|---|
| 1 | `<b>` |

```html
<script>[x]: javascript:a</script>
# Title
===
```

    <img src=x>"""


def test_what_is_harmless_is_kept_as_it_is() -> None:
    said = "\n".join(markdown._lines_of(KEPT, {}))
    assert said == KEPT.replace("\n---\n", "\n***\n").replace("<b>", "<\u2060b>")


PARTS = [
    "```",
    "~~~",
    "`",
    "\n",
    "\n\n",
    "> ",
    "- ",
    "    ",
    "\t",
    "| ",
    "|---|\n",
    "# ",
    "\n===\n",
    "\n---\n",
    "-",
    "=",
    "x",
    "<img src=x>",
    "</p>",
    "<!--",
    "-->",
    "<",
    ">",
    "[^1]: ",
    "[1]: ",
    "[x]: ",
    "[x]",
    "[",
    "]: ",
    "![",
    "](",
    "javascript:a",
    "java&#115;cript&colon;a",
    "&#9;",
    "data:text/html,a",
    "file:///a",
    "//a",
    "<javascript:a>",
    "https://example.org/a",
    ")",
    "\\",
    ":",
    "``",
    "1. ",
    "2) ",
]
pieces = st.lists(st.sampled_from(PARTS), max_size=20)


@hypothesis_settings(max_examples=600, deadline=None)
@given(pieces, pieces)
def test_however_its_signs_are_put_together(asked: list[str], said: list[str]) -> None:
    question = markdown._lines_of("".join(asked), {}, is_plain=True)
    answer = markdown._lines_of("".join(said), {1: 1})
    tail = ["", "## Answer", "", "[x] [^1]", "", "[^1]: x <http://127.0.0.1>"]
    _check_harmless("\n".join(["# Title", "", *question, *tail[:3], *answer, *tail]))
    assert "<h" not in MarkdownIt().render("\n".join(question)).replace("<hr", "")


def _check_harmless(text: str) -> None:
    """As Markdown programs that let everything through read it: no HTML, pictures or targets that run, no headings
    beside those of the file, which are all there, and no footnotes but its own.
    """
    for rules in ([], ["table"]):
        for plugins in ([], [footnote_plugin]):
            parser = MarkdownIt("commonmark", {"html": True}).enable(rules)
            parser.validateLink = lambda *_: True  # type: ignore[method-assign]
            for plugin in plugins:
                parser.use(plugin, move_to_end=False)
            _check_read(text, parser)


def _check_read(text: str, parser: MarkdownIt) -> None:
    env: dict[str, Any] = {}
    tokens = parser.parse(text, env)
    parts = [part for token in tokens for part in (token, *(token.children or []))]
    assert not [part for part in parts if part.type in ("html_block", "html_inline", "image")], text
    targets = [str(part.attrGet(name) or "") for part in parts for name in ("href", "src")]
    assert not [one for one in targets if RUNS.match(unquote(one))], text
    heads = [(token.tag, tokens[at + 1].content) for at, token in enumerate(tokens) if token.type == "heading_open"]
    high = [(tag, title) for tag, title in heads if tag < "h3"]
    assert [tag for tag, _ in high].count("h1") == 1 and high[0][0] == "h1", text
    assert {title for tag, title in high if tag == "h2"} <= {"Question", "Answer"}, text
    assert [title for _, title in high].count("Answer") == 2, text
    assert "references" not in env, text
    notes = [tokens[at + 2].content for at, token in enumerate(tokens) if token.type == "footnote_reference_open"]
    assert all("<http://127.0.0.1" in note for note in notes), text


RUNS = re.compile(r"\s*(?!https?:|mailto:)[a-z][a-z0-9+.-]*:|[\\/]{2}", re.IGNORECASE)


def test_signs_that_turn_the_direction_are_taken_out_or_escaped(alice: User, leave: Conversation) -> None:
    factories.messages_saying("And for interns?").update(text="\u202eIA na yb nettirw\u2066 שלום\u200f")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", exported(alice, leave, "md"))
    assert "שלום\u200f" in exported(alice, leave, "md")
    written = exported(alice, leave, "json")
    assert "\\u202e" in written and "\u202e" not in written
    texts = [one["text"] for one in json.loads(written)["conversation"]["messages"]]
    assert any(text.startswith("\u202eIA na yb") for text in texts)


# --- JSON ---


def test_json_has_every_version_and_comes_back_as_it_was(alice: User, leave: Conversation) -> None:
    file = json.loads(exported(alice, leave, "json"))
    assert (file["format"], file["version"]) == ("parley.conversation", 1)
    messages = {one["id"]: one for one in file["conversation"]["messages"]}
    rows = Message.objects.filter(conversation=leave)
    assert {str(row.pk): row.text for row in rows} == {one["id"]: one["text"] for one in messages.values()}
    assert {str(row.pk): row.parent_id and str(row.parent_id) for row in rows} == {
        one["id"]: one["parent_id"] for one in messages.values()
    }
    hidden = [one["text"] for one in messages.values() if not one["is_shown"]]
    assert hidden == ["An older version."]
    assert all(one["written_by_ai"] == (one["role"] == "assistant") for one in messages.values())
    cited = [one for one in messages.values() if one["citations"]]
    assert len(cited) == 2 and cited[0]["citations"][0]["quote"] == QUOTE


def test_json_is_as_its_schema_says_and_the_schema_is_published(alice: User, leave: Conversation) -> None:
    published = Path(settings.BASE_DIR) / "docs" / "conversation-export.schema.json"
    assert published.read_text() == data.schema(), "write data.schema() to this file"
    jsonschema.validate(json.loads(exported(alice, leave, "json")), json.loads(published.read_text()))


@pytest.mark.parametrize("kind", ["md", "json", "pdf"])
def test_what_was_held_back_is_in_no_file(alice: User, leave: Conversation, passage: Passage, kind: str) -> None:
    last = factories.messages_saying("some too").get()
    factories.make_answer(
        conversation=leave, parent=last, text="Shown. ", state=Message.State.HELD, held_text="Band five."
    )
    held = Message.objects.get(state=Message.State.HELD)
    factories.make_citation(message=held, passage=passage, number=9)
    file = export_conversation(alice, conversation=leave, kind=kind).content
    text = text_of(pypdfium2.PdfDocument(file)) if kind == "pdf" else file.decode()
    assert "Band five" not in text and "Shown." in text and "[9]" not in text and '"number": 9' not in text


# --- PDF ---


def test_a_pdf_has_questions_answers_and_sources(alice: User, leave: Conversation) -> None:
    text = text_of(pdf_of(alice, leave))
    for said in (
        "Leave & pay",
        "How many days of leave do I have?",
        "You have 27 days [1].",
        "• by law",
        "And for interns?",
        "They have some too [2].",
        f"[1] Annual *leave*, p. 3, How much › Full-time: “{QUOTE}”",
        "[2] Annual *leave*",
    ):
        assert said in text, text
    assert "older version" not in text


def test_a_pdf_says_that_an_ai_wrote_it_to_people_and_to_programs(alice: User, leave: Conversation) -> None:
    file = export_conversation(alice, conversation=leave, kind="pdf").content
    assert b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in file
    document = pypdfium2.PdfDocument(file)
    assert "written by an AI" in document.get_metadata_value("Subject")
    assert text_of(document).count(SAYS) == 2


MANY = (
    """Grüße an Łukasz, Ελένη, Борис — and “quotes”.

1. one
2. two
   - deeper

> said

| a | b |
|---|---|
| 1 | **2** |

```python
def f(): return "<b>{nb}</b>"
```

{nb} --x-- **bold __both__** `code` [page](https://example.org/a) [bad](javascript:alert(1)) """
    + "x" * 400
)


def test_a_pdf_sets_every_kind_of_block(alice: User, leave: Conversation) -> None:
    factories.messages_saying("some too").update(text=MANY)
    text = text_of(pdf_of(alice, leave))
    for said in (
        "Łukasz",
        "Ελένη",
        "Борис",
        "2. two",
        "• deeper",
        "said",
        'def f(): return "<b>{nb}</b>"',
        "{nb} --x--",
    ):
        assert said in text, text
    assert "no font" not in text


def test_letters_without_a_font_are_counted_and_nothing_breaks(
    alice: User, leave: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.messages_saying("some too").update(text="Борис 你好 🙂 e\u0301 \u200d and words [1]")
    monkeypatch.setattr(fonts, "files", dict)
    text = text_of(pdf_of(alice, leave))
    assert "8 signs of this conversation have no font" in text and "and words [2]" in text


def test_arabic_is_shaped_and_runs_from_the_right(alice: User, leave: Conversation) -> None:
    arabic = "مرحبا بالعالم 27 يوما"
    table = "| سعر | a |\n|---|---|\n| b | c |"
    said = f"{arabic}\n\nAfter it **Latin** text.\n\n- The word שלום in a line.\n\n{table}"
    factories.messages_saying("some too").update(text=said)
    text = text_of(pdf_of(alice, leave))
    assert "no font" not in text
    assert arabic in text
    assert "After it Latin text." in text and "• The word שלום in a line." in text


def test_a_conversation_of_many_pages_is_numbered(alice: User, leave: Conversation) -> None:
    factories.messages_saying("some too").update(text="A paragraph of some length.\n\n" * 300)
    document = pdf_of(alice, leave)
    assert len(document) > 5
    assert document[3].get_textpage().get_text_bounded().strip().endswith("4")


def test_what_is_too_long_for_a_pdf_is_refused(
    alice: User, leave: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "MOST_CHARACTERS", 50)
    with pytest.raises(BadInputError, match="Markdown or JSON"):
        pdf_of(alice, leave)


# --- the page, programs, the log ---


@pytest.mark.parametrize(
    ("kind", "media"), [("md", "text/markdown"), ("json", "application/json"), ("pdf", "application/pdf")]
)
def test_each_is_saved_and_never_run(
    alice: User, leave: Conversation, signed_in: SignIn, with_key: SignIn, kind: str, media: str
) -> None:
    page = signed_in(alice).get(reverse("chat:export", args=[leave.pk]), {"format": kind})
    told = with_key(alice).get(f"/api/v1/conversations/{leave.pk}/export", {"format": kind})
    for answer in (page, told):
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith(media)
        assert re.fullmatch(rf'attachment; filename="leave-pay-\w{{6}}\.{kind}"', answer.headers["Content-Disposition"])
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "title", ['"; filename=x.exe', "=cmd|' /C calc'!A0", "../../etc", "\u202egpj.exe", "شكرا", "\r\nX: y"]
)
def test_a_title_cannot_name_the_file_otherwise(
    alice: User, leave: Conversation, signed_in: SignIn, title: str
) -> None:
    Conversation.objects.filter(pk=leave.pk).update(title=title)
    answer = signed_in(alice).get(reverse("chat:export", args=[leave.pk]), {"format": "md"})
    assert re.fullmatch(r'attachment; filename="[a-z0-9][a-z0-9_-]*-\w{6}\.md"', answer.headers["Content-Disposition"])


def test_another_format_is_refused_with_those_there_are(alice: User, leave: Conversation, signed_in: SignIn) -> None:
    answer = signed_in(alice).get(reverse("chat:export", args=[leave.pk]), {"format": "docx"})
    assert answer.status_code == 422 and "md, json, pdf" in answer.content.decode()


def test_every_export_is_audited(alice: User, leave: Conversation) -> None:
    for kind in ("md", "json", "pdf"):
        export_conversation(alice, conversation=leave, kind=kind)
    events = AuditEvent.objects.filter(action="conversation.export", object=f"conversation:{leave.pk}")
    assert {event.payload["format"] for event in events} == {"md", "json", "pdf"}
    assert not any("Leave" in str(event.payload) for event in events)
