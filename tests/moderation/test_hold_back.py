"""The window for streamed answers: what leaves it, in whatever pieces the answer comes."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from moderation.screening.judging import HoldBack, screen
from tests.moderation.rulebook import rule, rules

BOOK = rules(
    rule({"words": ["salary", "pay rise", "dismiss*", "工资"]}, reason="Pay is private."),
    rule({"pattern": r"project\s+(?:red|blue){1}\s?fox"}, action="hold"),
    rule({"pattern": r"b.{0,12}d\.\s+e"}, action="block"),
    rule({"screen": "personal_data"}, action="hold"),
    rule({"screen": "secrets"}, action="block"),
    rule({"screen": "injection"}, action="hold"),
    rule({"words": ["weather"]}, action="annotate"),
)
FRAGMENTS = [
    "salary", "sal", "ary", "pay", "rise", "dismissal", "工资", "工", "project", "red", "blue", "fox", "bad.", "d.",
    "e", "4111 1111", "1111 1111", "4111-", "DE89 3704 0044", "0532 0130 00", "ann@", "example.com", "AKIAIOSF",
    "ODNN7EXAMPLE", "ignore all", "previous", "instructions", "developer", "mode", "you are now", "weather",
    "password:", "x7Kp2m9Q", " ", " ", " ", "\n", ". ", "! ", "。", "```\n", "a", "Z", "9", "\u200b", "é",
    "e\u0301", "ß", "½", "-", "_", "*", "quite a long stretch of harmless words that goes on ", "x" * 70, "/" * 40,
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join)
CUTS = st.lists(st.integers(1, 60), min_size=1, max_size=30)


def stream(text: str, cuts: list[int], book: tuple = BOOK) -> tuple[str, HoldBack]:
    """Everything that left the window, and the window."""
    window, released, at = HoldBack(book), "", 0
    for number in range(len(text) + 1):
        size = cuts[number % len(cuts)]
        if at >= len(text):
            break
        released += window.feed(text[at : at + size])
        at += size
    return released + window.finish(), window


@settings(max_examples=400, deadline=None)
@given(TEXTS, CUTS)
@example("x" * 158 + " pay" + " rise", [1])
@example("4111 1111 1111 1 111 " * 9, [7])
def test_nothing_that_a_rule_stops_is_ever_released(text: str, cuts: list[int]) -> None:
    released, window = stream(text, cuts)
    assert released + window.held == text
    assert not screen(released, BOOK, "answer").stops
    assert window.verdict.action == screen(text, BOOK, "answer").action


@settings(max_examples=300, deadline=None)
@given(TEXTS, CUTS, CUTS)
def test_the_outcome_does_not_depend_on_how_the_stream_was_cut(text: str, one: list[int], other: list[int]) -> None:
    released, window = stream(text, one)
    released_otherwise, window_otherwise = stream(text, other)
    assert released == released_otherwise
    assert window.verdict == window_otherwise.verdict


def test_without_rules_everything_passes_at_once() -> None:
    window = HoldBack(())
    assert window.feed("Hel") == "Hel"
    assert (window.finish(), window.held, window.verdict.action) == ("", "", "allow")


def test_rules_for_questions_delay_no_answer() -> None:
    window = HoldBack(rules(rule({"words": ["salary"]}, scope="question")))
    assert window.feed("Your salary") == "Your salary"
    assert window.finish() == ""


def test_rules_that_only_annotate_delay_no_answer_but_say_so() -> None:
    window = HoldBack(rules(rule({"words": ["salary"]}, action="annotate")))
    assert window.feed("Your salary is") == "Your salary is"
    assert window.finish() == ""
    assert (window.verdict.action, window.held) == ("annotate", "")


def test_text_leaves_at_sentences_lines_and_when_enough_waits() -> None:
    window = HoldBack(BOOK)
    assert window.feed("One two. Thr") == "One two. "
    assert window.feed("ee\n") == "Three\n"
    assert window.feed("```python\n") == "```python\n"
    long = "word " * 31
    assert window.feed(long) == ""
    assert window.feed("and more") == long + "and "


def test_a_run_without_a_gap_leaves_in_pieces_and_never_ends_in_a_match() -> None:
    window = HoldBack(BOOK)
    released = window.feed("~" * 159 + "salary") + window.feed("man" + "~" * 200)
    assert released.startswith("~" * 159)
    assert released + window.finish() == "~" * 159 + "salaryman" + "~" * 200


def test_a_match_that_is_still_growing_keeps_its_beginning_back() -> None:
    window = HoldBack(BOOK)
    assert window.feed("Fine so far. About project red\n") == "Fine so far. "
    assert window.feed("fox\n") == ""
    assert window.verdict.action == "hold"
    assert window.feed(" and all the rest. ") == ""
    assert window.finish() == ""
    assert window.held == "About project red\nfox\n and all the rest. "


def test_a_match_that_comes_to_nothing_is_let_go() -> None:
    window = HoldBack(BOOK)
    assert window.feed("About project red\n") == ""
    assert window.feed("wine.\n") == "About project red\nwine.\n"


def test_a_stronger_rule_in_the_held_part_wins_in_the_end() -> None:
    window = HoldBack(BOOK)
    window.feed("The salary. The key is AKIAIOSFODNN7EXAMPLE.\n")
    assert window.verdict.action == "hold"
    window.finish()
    assert window.verdict.action == "block"


def test_a_look_that_fails_stops_the_answer() -> None:
    window = HoldBack(rules(rule({"pattern": r"\w+\w+\w+\w+-0"}, action="block")))
    released = window.feed("a" * 4000 + " -0") + window.finish()
    assert released + window.held == "a" * 4000 + " -0"
    assert (window.verdict.action, window.verdict.findings[0].kind) == ("hold", "failed")
