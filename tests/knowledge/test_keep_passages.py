"""Taking a passage out of answers and putting it back, and what its keeper is told of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import AuditEvent, User
from app.errors import BadInputError, NotAllowedError
from knowledge.errors import NotReadyError
from knowledge.models import Passage, Source, Version
from knowledge.passages import disable_passage, enable_passage
from knowledge.retrieval import search
from knowledge.viewing.inspecting import cuts_around, passages_like, tokens_of
from tests.conftest import SignIn
from tests.knowledge.conftest import LEAVE, Publish

QUESTION = "How many unused days can I carry over?"


@pytest.fixture
def passage(handbook: Source, publish: Publish) -> Passage:
    return Passage.objects.select_related("version__document__source").get(
        version__document=publish(handbook), ordinal=1
    )


def finds(user: User, passage: Passage, question: str = QUESTION) -> bool:
    return passage.pk in [found.passage_id for found in search(user=user, query=question)]


def test_a_disabled_passage_is_found_no_more_and_again_when_it_is_enabled(
    alice: User, olivia: User, passage: Passage
) -> None:
    assert finds(alice, passage)
    disable_passage(actor=olivia, passage=passage, reason="  The figure is of   last year. ")
    assert not finds(alice, passage)
    passage.refresh_from_db()
    assert passage.disabled_reason == "The figure is of last year."
    assert passage.disabled_by == olivia
    enable_passage(actor=olivia, passage=passage)
    assert finds(alice, passage)
    passage.refresh_from_db()
    assert (passage.disabled_at, passage.disabled_by, passage.disabled_reason) == (None, None, "")


def test_the_count_of_passages_stays_in_step(olivia: User, passage: Passage) -> None:
    def counted() -> tuple[int, int]:
        version = Version.objects.get(pk=passage.version_id)
        return version.passage_count, version.passages.filter(disabled_at=None).count()

    assert counted() == (2, 2)
    disable_passage(actor=olivia, passage=passage, reason="Wrong.")
    assert counted() == (1, 1)
    with pytest.raises(NotReadyError):
        disable_passage(actor=olivia, passage=passage, reason="Wrong again.")
    assert counted() == (1, 1)
    enable_passage(actor=olivia, passage=passage)
    with pytest.raises(NotReadyError):
        enable_passage(actor=olivia, passage=passage)
    assert counted() == (2, 2)


def test_both_deeds_are_audited_and_the_reason_is_not_in_the_log(olivia: User, passage: Passage) -> None:
    disable_passage(actor=olivia, passage=passage, reason="It names Charlie.")
    enable_passage(actor=olivia, passage=passage)
    events = AuditEvent.objects.filter(object=f"passage:{passage.pk}").order_by("at", "seq")
    assert [event.action for event in events] == ["passage.disable", "passage.enable"]
    assert "Charlie" not in str([event.payload for event in events])


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 301, "\x00"])
def test_a_reason_is_needed_and_a_short_one(olivia: User, passage: Passage, reason: str) -> None:
    with pytest.raises(BadInputError):
        disable_passage(actor=olivia, passage=passage, reason=reason)
    passage.refresh_from_db()
    assert passage.disabled_at is None


@pytest.mark.parametrize(
    "deed",
    [
        lambda actor, one: disable_passage(actor=actor, passage=one, reason="No."),
        lambda actor, one: enable_passage(actor=actor, passage=one),
    ],
)
def test_a_reader_may_not(alice: User, dana: User, passage: Passage, deed: Callable[[User, Passage], Passage]) -> None:
    for person in (alice, dana):
        with pytest.raises(NotAllowedError):
            deed(person, passage)
    assert AuditEvent.objects.filter(outcome="denied", actor__in=[str(alice.pk), str(dana.pk)]).count() == 2


def test_an_old_citation_opens_a_disabled_passage_and_says_so(
    alice: User, olivia: User, passage: Passage, signed_in: SignIn
) -> None:
    disable_passage(actor=olivia, passage=passage, reason="<b>Wrong</b> & old")
    page = signed_in(alice).get(f"/knowledge/passages/{passage.pk}/").content.decode()
    assert "Taken out of answers" in page
    assert "&lt;b&gt;Wrong" not in page  # why is its keepers' affair
    page = signed_in(olivia).get(f"/knowledge/passages/{passage.pk}/").content.decode()
    assert "&lt;b&gt;Wrong&lt;/b&gt; &amp; old" in page
    assert "<b>Wrong" not in page


def test_the_page_and_its_deeds(olivia: User, passage: Passage, signed_in: SignIn) -> None:
    client = signed_in(olivia)
    page = client.get(f"/knowledge/passages/{passage.pk}/about/").content.decode()
    assert "Passage 2 of 2" in page
    assert "Annual leave › Carrying days over" in page
    assert "Searches find it" in page
    answer = client.post(f"/knowledge/passages/{passage.pk}/disable/", {"reason": "Old."}, follow=True)
    assert "Taken out of answers" in answer.content.decode()
    answer = client.post(f"/knowledge/passages/{passage.pk}/enable/", headers={"HX-Request": "true"})
    assert answer["HX-Trigger"] == "passage-changed"
    assert client.post(f"/knowledge/passages/{passage.pk}/disable/", {"reason": ""}).status_code == 422


def test_an_administrator_who_does_not_read_sees_the_facts_and_no_words(
    ada: User, passage: Passage, signed_in: SignIn
) -> None:
    page = signed_in(ada).get(f"/knowledge/passages/{passage.pk}/about/").content.decode()
    assert "Passage 2 of 2" in page
    assert "not among its readers" in page
    for secret in ("unused", "Carrying", "Everybody has"):
        assert secret not in page
    assert signed_in(ada).get(f"/knowledge/passages/{passage.pk}/").status_code == 404


def test_readers_have_no_such_page(alice: User, passage: Passage, signed_in: SignIn) -> None:
    assert signed_in(alice).get(f"/knowledge/passages/{passage.pk}/about/").status_code == 404
    assert signed_in(alice).post(f"/knowledge/passages/{passage.pk}/disable/", {"reason": "No."}).status_code == 404


def test_neighbours_show_how_it_was_cut(passage: Passage) -> None:
    cuts = cuts_around(passage)
    assert [cut.passage.ordinal for cut in cuts] == [0, 1]
    assert [cut.is_here for cut in cuts] == [False, True]
    assert [cut.between for cut in cuts] == ["# Annual leave", "## Carrying days over"]
    text = passage.version.text
    assert all(text[cut.passage.start : cut.passage.end] == cut.passage.text for cut in cuts)


def test_neighbours_in_the_middle_of_a_long_text(handbook: Source, publish: Publish) -> None:
    document = publish(
        handbook, "long.md", "# Long\n\n" + "\n\n".join(f"## Part {n}\n\nWords of part {n}." for n in range(9))
    )
    passage = Passage.objects.select_related("version").get(version__document=document, ordinal=4)
    cuts = cuts_around(passage)
    assert [cut.passage.ordinal for cut in cuts] == [2, 3, 4, 5, 6]
    assert [cut.between for cut in cuts] == [f"## Part {n}" for n in range(2, 7)]


def test_tokens_are_those_of_the_embedding_model(passage: Passage) -> None:
    tokens = tokens_of(passage)
    assert (tokens.is_estimate, tokens.window, tokens.unseen) == (False, 254, "")
    assert 20 < tokens.count < 60


def test_what_the_embedding_model_does_not_see_is_shown(handbook: Source, publish: Publish) -> None:
    numbers = " ".join(f"{n * 7919 % 99991}x{n}" for n in range(110))
    document = publish(handbook, "codes.md", f"# Codes\n\n{numbers}")
    passage = Passage.objects.select_related("version").filter(version__document=document).first()
    assert passage
    tokens = tokens_of(passage)
    assert tokens.window
    assert tokens.count > tokens.window
    assert tokens.unseen
    assert passage.text.endswith(tokens.unseen)
    assert len(tokens.unseen) < len(passage.text)


def test_near_duplicates_are_those_one_may_read(
    olivia: User, ada: User, handbook: Source, passage: Passage, publish: Publish
) -> None:
    other = publish(handbook, "leave-copy.md", LEAVE.replace("five unused days", "five of the unused days"))
    secret = Source.objects.create(owner=ada, name="Board")
    publish(secret, "leave-board.md", LEAVE.replace("31 March", "1 April"))
    alike = passages_like(passage, olivia)
    assert [one.passage.version.document_id for one in alike] == [other.pk]
    assert alike[0].cosine > 0.95


def test_programs_do_the_same(alice: User, olivia: User, passage: Passage, with_key: SignIn) -> None:
    address = f"/api/v1/passages/{passage.pk}"
    told = with_key(alice).get(address).json()
    assert told["text"] == passage.text
    assert (told["is_disabled"], told["is_withdrawn"], told["replaced_by"]) == (False, False, None)
    program = with_key(olivia)
    answer = program.post(f"{address}/disable", {"reason": "Old."}, content_type="application/json").json()
    assert answer == {"id": str(passage.pk), "is_disabled": True, "reason": "Old."}
    assert with_key(alice).get(address).json()["is_disabled"]
    again = program.post(f"{address}/disable", {"reason": "Old."}, content_type="application/json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_ready")
    assert program.post(f"{address}/disable", {"reason": ""}, content_type="application/json").status_code == 422
    assert not program.post(f"{address}/enable").json()["is_disabled"]
