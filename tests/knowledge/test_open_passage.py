"""Opening what an answer rests on: the exact words, marked, in the version they were cited from."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from knowledge.ingestion import withdraw_document
from knowledge.models import Document, Passage, Source
from knowledge.text.sentences import sentences
from knowledge.viewing import excerpt, outside_link
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish
from tests.knowledge.test_read_on import cut

RICH = """# Rates

Read **this** first: [the rules](https://example.org/rules_of_2026) apply. Then `go on`.

- First item, *important*
- Second item

| Vehicle | For each kilometre |
| --- | --- |
| Car | €0.38 <fast> |
| Bicycle | €0.15 & free |

```python
print("Car < Bicycle")
```

1. One
2. Two
"""


@pytest.fixture
def passage(handbook: Source, publish: Publish) -> Passage:
    return Passage.objects.get(version__document=publish(handbook), ordinal=1)


def address(passage: Passage, start: int | None = None, end: int | None = None) -> str:
    query = f"?start={start}&end={end}" if start is not None else ""
    return f"/knowledge/passages/{passage.pk}/{query}"


def marked(page: str) -> str:
    """The words inside marks, as a reader sees them."""
    return html.unescape("".join(re.findall(r"<mark[^>]*>([^<]*)</mark>", page)))


def test_the_cited_words_are_marked(alice: User, passage: Passage, signed_in: SignIn) -> None:
    text = passage.version.text
    start = text.index("They must be taken")
    page = signed_in(alice).get(address(passage, start, start + 34)).content.decode()
    assert marked(page) == "They must be taken by 31 March."[:34]
    assert page.count('id="cited"') == 1
    assert "<html" in page
    assert "Carrying days over" in page


def test_the_pane_gets_the_fragment_alone(alice: User, passage: Passage, signed_in: SignIn) -> None:
    page = signed_in(alice).get(address(passage), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in page
    assert 'id="cited"' in page


def test_an_outsider_gets_404(charlie: User, passage: Passage, signed_in: SignIn) -> None:
    assert signed_in(charlie).get(address(passage)).status_code == 404
    assert signed_in(charlie).get(f"/knowledge/passages/{passage.pk}/original/").status_code == 404
    assert signed_in(charlie).get(f"/knowledge/documents/{passage.version.document_id}/").status_code == 404


def test_the_original_is_saved_never_shown(alice: User, passage: Passage, signed_in: SignIn) -> None:
    response = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/original/")
    assert b"".join(response.streaming_content) == LEAVE.encode()  # type: ignore[attr-defined]
    assert response["Content-Disposition"] == 'attachment; filename="leave.md"'
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_replaced_version_says_so_and_leads_to_the_new_one(
    alice: User, handbook: Source, passage: Passage, publish: Publish, signed_in: SignIn
) -> None:
    publish(handbook, content=LEAVE.replace("27", "28"))
    page = signed_in(alice).get(address(passage)).content.decode()
    assert "Replaced by version 2" in page
    newer = Passage.objects.get(version__document_id=passage.version.document_id, version__number=2, ordinal=1)
    assert f"/knowledge/passages/{newer.pk}/" in page


def test_a_withdrawn_document_can_still_be_opened_and_says_so(
    alice: User, olivia: User, passage: Passage, signed_in: SignIn
) -> None:
    withdraw_document(actor=olivia, document=passage.version.document)
    assert "Withdrawn" in signed_in(alice).get(address(passage)).content.decode()


@pytest.mark.parametrize(
    "query", ["?start=x&end=y", "?start=99999&end=1", "?start=-1&end=5", "?start=1", "?end=99999999999"]
)
def test_a_span_that_makes_no_sense_marks_the_passage(
    alice: User, passage: Passage, signed_in: SignIn, query: str
) -> None:
    page = signed_in(alice).get(address(passage) + query).content.decode()
    assert "five unused days" in marked(page)


def test_a_document_opens_at_its_beginning(alice: User, passage: Passage, signed_in: SignIn) -> None:
    response = signed_in(alice).get(f"/knowledge/documents/{passage.version.document_id}/", follow=True)
    assert "27 days" in marked(response.content.decode())


def plain_words(text: str) -> str:
    """Letters and digits only: what marking must keep whatever rendering does to signs."""
    return "".join(sign for sign in re.sub(r"\]\([^)]*\)", "", text) if sign.isalnum())


def test_every_sentence_of_a_rich_page_can_be_marked(handbook: Source, publish: Publish) -> None:
    document = publish(handbook, "rates.md", RICH)
    seen = 0
    for passage in Passage.objects.filter(version__document=document).select_related("version"):
        for sentence in sentences(passage.text):
            start, end = passage.start + sentence.start, passage.start + sentence.end
            shown = excerpt(passage, start, end)
            assert shown.html.count('id="cited"') == 1
            words = plain_words(passage.version.text[start:end].removeprefix("```python"))
            assert plain_words(marked(shown.html)) == words
            assert "<fast>" not in shown.html
            seen += 1
    assert seen >= 8


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_span_is_marked_once_and_nothing_breaks(handbook: Source, publish: Publish, data: st.DataObject) -> None:
    document = Document.objects.filter(key="rates.md").first() or publish(handbook, "rates.md", RICH)
    passage = Passage.objects.filter(version__document=document).select_related("version").first()
    assert passage
    start = data.draw(st.integers(passage.start, passage.end - 1))
    end = data.draw(st.integers(start + 1, passage.end))
    shown = excerpt(passage, start, end)
    assert shown.html.count('id="cited"') <= 1
    assert "\ue000" not in shown.html
    assert "\ue001" not in shown.html
    assert shown.html.count("<mark") == shown.html.count("</mark>")
    wanted = plain_words(passage.version.text[start:end])
    assert bool(marked(shown.html).strip()) or not wanted


def test_hostile_text_is_only_text(handbook: Source, publish: Publish) -> None:
    document = publish(handbook, "evil.txt", "Hello <script>alert(1)</script> <img src=x onerror=alert(1)> friend.")
    passage = Passage.objects.select_related("version").get(version__document=document)
    shown = excerpt(passage, passage.start, passage.end)
    assert "<script" not in shown.html
    assert "<img" not in shown.html


def test_one_endless_paragraph_is_shown_in_part(handbook: Source) -> None:
    passage = cut(handbook, "# Long\n\n" + "Words and words again. " * 4000)[20]
    shown = excerpt(passage, passage.start, passage.end)
    assert len(shown.html) < 10_000
    assert shown.goes_before
    assert shown.goes_after


def test_an_overdue_source_says_so(alice: User, passage: Passage, signed_in: SignIn) -> None:
    source = passage.version.document.source
    source.review_by = timezone.localdate() - timedelta(days=3)
    source.save()
    page = signed_in(alice).get(address(passage)).content.decode()
    assert "Overdue for review" in page
    assert f"{source.review_by:%-d %B %Y}" in page


def test_nothing_is_said_of_a_passage_in_good_standing(alice: User, passage: Passage, signed_in: SignIn) -> None:
    assert "passage-warnings" not in signed_in(alice).get(address(passage)).content.decode()


def test_a_replaced_version_leads_to_the_same_place_of_the_new_one(
    alice: User, handbook: Source, passage: Passage, publish: Publish, signed_in: SignIn
) -> None:
    publish(handbook, content="# Annual leave\n\nFirst.\n\n## Before\n\nSecond.\n\n## Carrying days over\n\nThird.\n")
    page = signed_in(alice).get(address(passage)).content.decode()
    third = Passage.objects.get(version__document_id=passage.version.document_id, version__number=2, text="Third.")
    assert f"/knowledge/passages/{third.pk}/" in page


def test_a_deleted_source_is_gone(alice: User, passage: Passage, signed_in: SignIn) -> None:
    Source.objects.update(deleted_at=timezone.now())
    assert signed_in(alice).get(address(passage)).status_code == 404


def test_the_source_can_be_opened_where_it_is(alice: User, passage: Passage, signed_in: SignIn) -> None:
    Document.objects.update(url="https://handbook.example.org/leave?edition=2026#days")
    page = signed_in(alice).get(address(passage)).content.decode()
    assert 'href="https://handbook.example.org/leave?edition=2026#days"' in page
    assert "Open at handbook.example.org" in page
    assert 'rel="noreferrer noopener"' in page


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt://example.org/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//example.org/",
        "/knowledge/",
        "https://good.example@evil.example/",
        "https://evil.example\\@good.example/",
        "https://good.example\n.evil.example/",
        'https://example.org/"onmouseover="alert(1)',
        "https://[::1",
        "https:///nowhere",
        "file:///etc/passwd",
        "https://good.example\u202egro.live/",
    ],
)
def test_an_address_that_misleads_is_no_link(alice: User, passage: Passage, signed_in: SignIn, url: str) -> None:
    assert outside_link(url) is None
    Document.objects.update(url=url)
    page = signed_in(alice).get(address(passage)).content.decode()
    assert "Open at" not in page
    assert 'target="_blank"' not in page


def test_hostile_names_are_only_text(alice: User, passage: Passage, signed_in: SignIn) -> None:
    evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
    Document.objects.update(title=evil, key=f"{evil}/../..\r\nX-Evil: 1.md")
    Source.objects.update(name=evil)
    Passage.objects.update(heading_path=[evil, "javascript:alert(3)"])
    for query in ("", "?form=text", "part/?after=0"):
        page = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/{query}").content.decode()
        assert "<img src=x" not in page
        assert "<script>alert" not in page
    response = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/original/")
    assert "X-Evil" not in response.headers
    assert "\n" not in response["Content-Disposition"]


def test_a_document_loads_nothing_and_links_through_the_page_that_says_where(
    handbook: Source, publish: Publish
) -> None:
    text = "Look: ![plan](https://evil.example/p.png) and [here](https://evil.example/) and [run](javascript:alert(1))."
    passage = Passage.objects.select_related("version").get(version__document=publish(handbook, "links.md", text))
    shown = excerpt(passage, passage.start, passage.end).html
    assert "<img" not in shown
    assert 'href="https://evil.example' not in shown
    assert "/leaving/?to=https%3A%2F%2Fevil.example" in shown
    assert 'href="javascript' not in shown
