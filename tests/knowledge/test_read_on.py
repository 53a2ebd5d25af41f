"""Reading a whole document from a cited passage on: part by part, nothing twice, nothing left out."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from itertools import accumulate, pairwise

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from knowledge.models import Document, Passage, Source, Version
from knowledge.text.splitting import Piece, split
from knowledge.viewing import excerpt, page_name, part_after, part_before
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish

CODE = "\n".join(
    f"def step_{n}(cluster):\n    '''Roll shard {n} out.'''\n\n    return cluster.start({n})" for n in range(90)
)
ROWS = "\n".join(
    f"| ledger-{n} | {7000 + n} | takes the bookings of shard {n} and passes them on |" for n in range(200)
)
LONG = f"""# Deploying the ledger

How the ledger is deployed.

```python
{CODE}
```

## Ports

| Service | Port | Purpose |
| --- | --- | --- |
{ROWS}

## After

{chr(10).join(f"Paragraph {n} says that the ledger keeps what was booked.{chr(10)}" for n in range(300))}
"""


@pytest.fixture
def long(handbook: Source) -> list[Passage]:
    """The passages of LONG as they are cut, without vectors, which nothing here needs."""
    return cut(handbook, LONG)


@cache
def pieces(text: str, pages: tuple[tuple[int, int], ...]) -> Sequence[Piece]:
    """How a text is cut, found out once."""
    return split(text, pages)


def cut(
    source: Source, text: str, pages: Sequence[Sequence[int]] = (), media_type: str = "text/markdown"
) -> list[Passage]:
    document = Document.objects.create(source=source, key="cut", title="Cut", state=Document.State.PUBLISHED)
    fields = {"media_type": media_type, "size_bytes": len(text), "pages": pages, "published_at": timezone.now()}
    version = Version.objects.create(document=document, number=1, title="Cut", text=text, **fields)
    return Passage.objects.bulk_create(
        Passage(version=version, ordinal=ordinal, text=text[piece.start : piece.end], **asdict(piece))
        for ordinal, piece in enumerate(pieces(text, tuple((start, end) for start, end in pages)))
    )


def words(part: str) -> str:
    """What a reader reads, without tags, space and the signs of Markdown."""
    return re.sub(r"[^A-Za-z0-9]", "", html.unescape(re.sub(r"<[^>]*>", "", part)))


def of_code(passages: list[Passage]) -> Passage:
    return next(one for one in passages if "step_50(" in one.text)


def test_the_parts_make_up_the_whole_text(long: list[Passage]) -> None:
    middle = long[len(long) // 2]
    version = middle.version
    parts = [excerpt(middle, middle.start, middle.end).part]
    while parts[0].goes_before:
        parts.insert(0, part_before(version, parts[0].start).part)
    while parts[-1].goes_after:
        parts.append(part_after(version, parts[-1].end).part)
    assert len(parts) > 4
    assert (parts[0].start, parts[-1].end) == (0, len(version.text))
    assert all(one.end == other.start for one, other in pairwise(parts))
    assert max(part.end - part.start for part in parts) < 12_000


def test_code_and_tables_go_on_as_what_they_are(long: list[Passage]) -> None:
    code = of_code(long)
    shown = excerpt(code, code.start, code.end).html.lstrip()
    assert shown.startswith('<div class="code-block"><div class="code-head" data-language="Python">')
    row = next(one for one in long if "ledger-120 " in one.text)
    shown = excerpt(row, row.start, row.end).html
    assert "<th>Service</th>" in shown
    assert "| ledger" not in shown
    assert shown.count("<tr>") > 20


def test_every_passage_of_a_long_document_can_be_marked(long: list[Passage]) -> None:
    for passage in long:
        shown = excerpt(passage, passage.start, passage.end)
        assert shown.html.count('id="cited"') == 1
        marked = "".join(re.findall(r"<mark[^>]*>([^<]*)</mark>", shown.html))
        assert words(marked) == words(passage.text.replace("```python", ""))


def test_more_comes_as_a_fragment_with_the_way_to_the_next(alice: User, long: list[Passage], signed_in: SignIn) -> None:
    client = signed_in(alice)
    page = client.get(f"/knowledge/passages/{long[0].pk}/").content.decode()
    address = re.findall(r'hx-get="([^"]*/part/\?after=\d+)"', page)
    assert len(address) == 1
    assert "before=" not in page
    seen = [words(page)]
    while address:
        part = client.get(address[0], headers={"HX-Request": "true"}).content.decode()
        assert "<html" not in part
        assert "before=" not in part
        seen.append(words(part))
        address = re.findall(r'hx-get="([^"]*/part/\?after=\d+)"', part)
    assert "Paragraph299says" in seen[-1]
    assert all(any(f"Paragraph{n}says" in part for part in seen) for n in range(300))


def test_without_scripts_a_part_is_a_page(alice: User, long: list[Passage], signed_in: SignIn) -> None:
    middle = of_code(long)
    page = signed_in(alice).get(f"/knowledge/passages/{middle.pk}/part/?before={middle.start}").content.decode()
    assert "<html" in page
    assert "The cited passage" in page
    assert f'href="/knowledge/passages/{middle.pk}/part/?after=' in page


def test_parts_are_for_readers_alone(charlie: User, ada: User, long: list[Passage], signed_in: SignIn) -> None:
    for person in (charlie, ada):
        assert signed_in(person).get(f"/knowledge/passages/{long[0].pk}/part/?after=0").status_code == 404


def test_any_offset_has_an_answer_but_one_must_be_named(alice: User, long: list[Passage], signed_in: SignIn) -> None:
    client, address = signed_in(alice), f"/knowledge/passages/{long[0].pk}/part/"
    expected = dict.fromkeys(("after=999999999", "before=0", "before=999999999", "after=0", "before=3", "after=7"), 200)
    expected |= dict.fromkeys(("", "after=-1", "before=x", "after=99999999999"), 422)
    assert {query: client.get(f"{address}?{query}").status_code for query in expected} == expected


def paged(source: Source, pages: list[str], media_type: str) -> list[Passage]:
    ends = list(accumulate(len(page) for page in pages))
    bounds = [[end - len(page), end] for page, end in zip(pages, ends, strict=True)]
    return cut(source, "".join(pages), bounds, media_type)


def test_of_a_paged_document_each_page_is_a_part(handbook: Source) -> None:
    _, passage, _ = paged(handbook, ["One.\n\n", "", "Three.\n\n", "Four."], "application/pdf")
    shown = excerpt(passage, passage.start, passage.end)
    assert (words(shown.html), shown.page_name) == ("Three", "Page 3")
    before = part_before(passage.version, shown.part.start)
    after = part_after(passage.version, shown.part.end)
    assert (words(before.html), before.page_name, before.goes_before) == ("One", "Page 1", False)
    assert (words(after.html), after.page_name, after.goes_after) == ("Four", "Page 4", False)


def test_slides_are_called_slides(handbook: Source) -> None:
    media_type = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    _, passage = paged(handbook, ["One.\n\n", "Two."], media_type)
    assert excerpt(passage, passage.start, passage.end).page_name == "Slide 2"
    assert page_name(passage.version, None) == ""


def test_rows_of_a_sheet_stand_under_their_columns(handbook: Source, publish: Publish) -> None:
    rows = "Region,Amount,Remark\n" + "\n".join(f"R{n},{n * 3},<b>note {n}</b>: fine; really" for n in range(40))
    document = publish(handbook, "sales.csv", rows)
    passage = Passage.objects.select_related("version").filter(version__document=document).first()
    assert passage
    start = passage.version.text.index("R7;")
    shown = excerpt(passage, start, start + 2)
    assert '<mark id="cited">R7</mark>' in shown.html
    assert '<span class="record-name">Amount</span> <span>21</span>' in shown.html
    assert "<b>note" not in shown.html
    assert shown.kind == "rows"


def test_an_e_mail_keeps_its_lines_and_its_head(handbook: Source, publish: Publish) -> None:
    head = b"From: Olivia <o@example.org>\r\nTo: all@example.org\r\nSubject: Canteen\r\n\r\n"
    mail = head + b"It is closed.\r\nBring lunch.\r\n"
    document = publish(handbook, "canteen.eml", mail)
    passage = Passage.objects.select_related("version").get(version__document=document)
    shown = excerpt(passage, passage.start, passage.end)
    assert shown.kind == "lines"
    assert "From: Olivia" in shown.html
    assert "Subject" not in shown.html
    assert "<h3>Canteen</h3>" in shown.html


def test_a_text_of_eight_million_characters_is_shown_in_part(handbook: Source) -> None:
    line = "The orchard was planted by hand, tree by tree. " * 12 + "\n\n"
    document = Document.objects.create(source=handbook, key="cut", title="Cut", state=Document.State.PUBLISHED)
    fields = {"media_type": "text/markdown", "size_bytes": 1, "pages": (), "published_at": timezone.now()}
    version = Version.objects.create(document=document, number=1, title="Cut", text=line * 14_000, **fields)
    # Those around the one that is opened alone: cutting all of it takes longer than everything else here.
    near = Passage.objects.bulk_create(
        Passage(version=version, ordinal=at, text=line.strip(), start=at * len(line), end=(at + 1) * len(line) - 2)
        for at in range(6900, 7100)
    )
    passage = near[100]
    assert len(passage.version.text) > 7_900_000
    assert len(excerpt(passage, passage.start, passage.end).html) < 12_000
    assert len(part_after(passage.version, passage.end).html) < 20_000
    assert len(part_before(passage.version, passage.start).html) < 20_000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_asked_for_a_part_is_safe(long: list[Passage], data: st.DataObject) -> None:
    version = long[0].version
    offset = data.draw(st.integers(0, len(version.text) + 5))
    part = data.draw(st.sampled_from([part_before, part_after]))(version, offset)
    assert 0 <= part.part.start <= part.part.end <= len(version.text)
    assert part.html.count("<pre") == part.html.count("</pre>")
    assert "<script" not in part.html
    assert "style=" not in part.html
