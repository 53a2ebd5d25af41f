"""Pages as they look: drawn once, kept for a while, shown to whoever may read, and the cited words marked on them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from django.core.cache import cache
from django.test import Client
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from accounts.models import Group, User
from knowledge.files import path_of
from knowledge.models import Passage, Source
from knowledge.retrieval import search
from knowledge.viewing import pages
from tests.conftest import SignIn
from tests.knowledge.conftest import Publish

PAGES = [
    ["Travel in our company is booked two weeks ahead by everybody.", "Ask your manager before you book anything."],
    [
        "A rental car is paid when no train goes.",
        "Your own car is paid at 38 cent for each kilometre.",
        "Bring receipts.",
    ],
    ["Hotels are paid up to the limit of the city.", "Breakfast is paid as well wherever it is not included."],
]


def made_pdf() -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for lines in PAGES:
        for number, line in enumerate(lines):
            canvas.drawString(72, 700 - 40 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture
def passage(handbook: Source, publish: Publish) -> Passage:
    document = publish(handbook, "travel.pdf", made_pdf())
    return Passage.objects.select_related("version").get(version__document=document, page=2)


def opened(client: Client, passage: Passage, words: str = "Your own car", query: str = "") -> str:
    start = passage.version.text.index(words)
    address = f"/knowledge/passages/{passage.pk}/?start={start}&end={start + len(words)}{query}"
    return client.get(address).content.decode()


def rectangles(page: str) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of the marks on a page."""
    found = re.findall(r'<rect[^>]* x="([\d.e-]+)" y="([\d.e-]+)" width="([\d.e-]+)" height="([\d.e-]+)"', page)
    return [(float(left), float(top), float(width), float(height)) for left, top, width, height in found]


def test_the_words_are_marked_where_they_stand_on_the_page(alice: User, passage: Passage, signed_in: SignIn) -> None:
    page = opened(signed_in(alice), passage)
    ((left, top, width, height),) = rectangles(page)
    assert abs(left * A4[0] - 72) < 3
    assert top * A4[1] < A4[1] - 660 + 2 < (top + height) * A4[1] + 4
    assert 0.05 < width < 0.3
    assert page.count('id="cited"') == 1
    assert "style=" not in page.split("<main", 1)[1].split("</main>")[0]


def test_the_page_has_its_size_its_description_and_its_text(alice: User, passage: Passage, signed_in: SignIn) -> None:
    page = opened(signed_in(alice), passage)
    assert re.search(r'<img[^>]*\swidth="1080"\s+height="15\d\d"', page)
    assert re.search(r'alt="Page 2 of [^"]*Marked on it: Your own car"', page)
    assert "<mark>Your own car</mark>" in page
    assert "Page 2 of 3" in page


def test_the_picture_is_a_picture_and_stays_private(alice: User, passage: Passage, signed_in: SignIn) -> None:
    response = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/page.png?page=2&width=700")
    assert Image.open(io.BytesIO(response.content)).size[0] == 720
    assert response["Content-Type"] == "image/png"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_picture_is_drawn_once(alice: User, bob: User, passage: Passage, signed_in: SignIn) -> None:
    address = f"/knowledge/passages/{passage.pk}/page.png?page=1&width=720"
    first = signed_in(alice).get(address)
    path_of(passage.version.file).unlink()
    again = signed_in(bob).get(address)
    assert again.content == first.content
    unchanged = signed_in(bob).get(address, headers={"If-None-Match": first["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_revoked_right_holds_for_the_next_thing_one_opens(
    alice: User, crew: Group, passage: Passage, signed_in: SignIn
) -> None:
    client = signed_in(alice)
    picture = f"/knowledge/passages/{passage.pk}/page.png?page=2"
    addresses = [f"/knowledge/passages/{passage.pk}/{rest}" for rest in ("", "part/?after=0", "original/", "page.png")]
    tag = client.get(picture)["ETag"]
    assert search(user=alice, query="own car for each kilometre")
    assert all(client.get(address).status_code == 200 for address in addresses)
    crew.members.remove(alice)
    assert search(user=alice, query="own car for each kilometre") == []
    assert all(client.get(address).status_code == 404 for address in addresses)
    assert client.get(picture, headers={"If-None-Match": tag}).status_code == 404


def test_an_outsider_gets_404(charlie: User, ada: User, passage: Passage, signed_in: SignIn) -> None:
    for person in (charlie, ada):
        assert signed_in(person).get(f"/knowledge/passages/{passage.pk}/page.png?page=1").status_code == 404


@pytest.mark.parametrize("query", ["page=0", "page=4", "page=999999999"])
def test_there_is_no_picture_of_a_page_that_is_not_there(
    alice: User, passage: Passage, signed_in: SignIn, query: str
) -> None:
    assert signed_in(alice).get(f"/knowledge/passages/{passage.pk}/page.png?{query}").status_code == 404


def test_whatever_width_is_asked_for_few_are_drawn(alice: User, passage: Passage, signed_in: SignIn) -> None:
    client = signed_in(alice)
    for width in ("1", "719", "1500", "99999999", "x"):
        assert client.get(f"/knowledge/passages/{passage.pk}/page.png?page=1&width={width}").status_code == 200
    kept = sorted(
        path.name for path in pages._place(passage.version, 1, 1).parent.glob(f"{passage.version.sha256}-1-*")
    )
    assert kept == [f"{passage.version.sha256}-1-{width}.png" for width in (1080, 1600, 720)]


def test_other_pages_can_be_turned_to(alice: User, passage: Passage, signed_in: SignIn) -> None:
    page = opened(signed_in(alice), passage, query="&page=3")
    assert "Page 3 of 3" in page
    assert rectangles(page) == []
    assert "The cited words are on page 2" in page
    assert "Hotels are paid" in page
    assert "Page 1 of 3" in opened(signed_in(alice), passage, query="&page=1")


def test_text_instead_is_remembered(alice: User, passage: Passage, signed_in: SignIn) -> None:
    client = signed_in(alice)
    assert "page.png" in opened(client, passage)
    assert "page.png" not in opened(client, passage, query="&form=text")
    assert "page.png" not in opened(client, passage)
    assert "page.png" in opened(client, passage, query="&form=page")
    assert "page.png" in opened(client, passage)
    assert "page.png" in opened(client, passage, query="&form=nonsense")


def test_without_its_file_a_page_is_shown_as_text_and_says_why(
    alice: User, passage: Passage, signed_in: SignIn
) -> None:
    path_of(passage.version.file).unlink()
    page = opened(signed_in(alice), passage)
    assert "The page cannot be shown as it looks." in page
    assert '<mark id="cited">Your own car</mark>' in page
    assert signed_in(alice).get(f"/knowledge/passages/{passage.pk}/page.png?page=2").status_code == 503


def test_when_too_many_are_drawn_at_once_the_text_is_shown(
    alice: User, passage: Passage, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_places", BoundedSemaphore(1))
    with pages._places:
        page = opened(signed_in(alice), passage)
    assert "Too many pages are being drawn just now." in page
    assert '<mark id="cited">Your own car</mark>' in page
    assert "page.png" in opened(signed_in(alice), passage)


def test_the_second_of_two_equal_sentences_is_the_one_that_is_marked(
    alice: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for number, line in enumerate(["Keep the door shut.", "Air the room at noon.", "Keep the door shut."]):
        canvas.drawString(72, 700 - 100 * number, line)
    canvas.save()
    document = publish(handbook, "door.pdf", out.getvalue())
    passage = Passage.objects.select_related("version").filter(version__document=document).first()
    assert passage
    start = passage.version.text.rindex("Keep the door")
    page = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/?start={start}&end={start + 19}").content.decode()
    ((_, top, _, _),) = rectangles(page)
    assert abs(top * A4[1] - (A4[1] - 500)) < 20


def test_a_document_without_pages_has_no_picture(
    alice: User, handbook: Source, publish: Publish, signed_in: SignIn
) -> None:
    passage = Passage.objects.filter(version__document=publish(handbook)).first()
    assert passage
    client = signed_in(alice)
    assert client.get(f"/knowledge/passages/{passage.pk}/page.png?page=1").status_code == 404
    page = client.get(f"/knowledge/passages/{passage.pk}/?form=page").content.decode()
    assert "page.png" not in page


def test_the_pictures_longest_unseen_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_BYTES", 25)
    for number in range(4):
        pages._keep(tmp_path / f"{number}.png", b"0123456789")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2.png", "3.png"]
