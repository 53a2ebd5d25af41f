"""Finding the document that says the same, among those that the source's owner may know of."""

from __future__ import annotations

import random

import pytest

from accounts.models import User
from knowledge.models import Document, Source
from knowledge.quality.signatures import BANDS, signature, similarity
from tests import factories
from tests.knowledge.conftest import LEAVE, Publish

WORDS = [f"word{number}" for number in range(3000)]
NOTICE = (
    "Everybody who leaves gives notice in writing. The period is four weeks in the first year and two months after it, "
    "counted from the end of the month in which the letter arrives. Days of leave that are left are taken before the "
    "last day, or paid out with the last salary when there is no other way. Machines, keys and cards are handed in at "
    "the reception. The reference letter is written by the manager and is sent within two weeks of the last day."
)


def findings(document: Document) -> dict[str, dict[str, object]]:
    version = document.versions.order_by("-number").first()
    assert version is not None
    return {one["check"]: one for one in version.report["findings"]}


def test_a_signature_is_the_same_in_every_process_and_for_every_spacing() -> None:
    assert signature("One Two three four five six")[:2] == signature("one two\n three  four FIVE six.")[:2]
    assert signature("One two three four five six")[0] == -6723069039878470088
    assert len(signature(" ".join(WORDS))) == BANDS + 1
    assert len(signature("only four short words")) == 1


def test_similarity_counts_shared_runs_of_words() -> None:
    text = " ".join(WORDS[:100])
    assert similarity(text, text.upper()) == 1.0
    assert similarity(text, " ".join(WORDS[100:200])) == 0.0
    assert similarity(text, " ".join(WORDS[:50])) == pytest.approx(46 / 96)


def test_texts_alike_share_a_band_and_others_do_not() -> None:
    random.seed(7)
    shared = missed = 0
    for start in range(0, 2500, 25):
        words = WORDS[start : start + 300]
        other = [random.choice(WORDS) if random.random() < 0.015 else word for word in words]
        if similarity(" ".join(words), " ".join(other)) >= 0.8:
            is_found = not set(signature(" ".join(words))).isdisjoint(signature(" ".join(other)))
            shared, missed = shared + is_found, missed + (not is_found)
    assert shared > 50
    assert missed == 0
    assert set(signature(" ".join(WORDS[:300]))).isdisjoint(signature(" ".join(WORDS[400:700])))


def test_the_same_text_under_another_name_is_said(handbook: Source, publish: Publish) -> None:
    first = publish(handbook, "notice.md", f"# Notice\n\n{NOTICE}")
    second = publish(handbook, "leaving.md", f"# NOTICE\n\n{NOTICE}\n")
    found = findings(second)["duplicate"]
    assert second.state == Document.State.PUBLISHED
    assert found["detail"]["document"] == str(first.pk)  # type: ignore[index]
    assert "duplicate" not in findings(first)


def test_nearly_the_same_text_is_said_with_its_share(handbook: Source, publish: Publish) -> None:
    first = publish(handbook, "notice.md", NOTICE)
    second = publish(handbook, "leaving.md", NOTICE.replace("four weeks", "six weeks"))
    found = findings(second)["near_duplicate"]
    assert 0.8 <= found["detail"]["share"] < 1  # type: ignore[index]
    assert found["detail"]["version"] == str(first.versions.get().pk)  # type: ignore[index]
    assert "nearly the same: 8" in str(found["message"])


def test_its_own_earlier_version_is_no_duplicate(handbook: Source, publish: Publish) -> None:
    publish(handbook, "notice.md", NOTICE)
    assert findings(publish(handbook, "notice.md", NOTICE + " So it is.")) == {}


def test_what_is_withdrawn_or_another_source_hides_is_not_compared(
    handbook: Source, publish: Publish, ada: User
) -> None:
    secret = factories.make_source(owner=ada, name="Board", groups=[factories.make_group("Board")])
    publish(secret, "notice.md", NOTICE)
    document = publish(handbook, "leave.md")
    document.versions.update(withdrawn_at=document.updated_at)
    assert findings(publish(handbook, "leaving.md", NOTICE)) == {}
    assert findings(publish(handbook, "days.md", LEAVE)) == {}
