"""Style sheets write no words of their own: a page says them, in its language."""

from deploy.words import bare


def test_words_in_a_style_sheet_are_found() -> None:
    sheet = """
    .a { justify-content: center; }
    .a::before { content: "Version "; }
    .b::before { content: attr(data-label) ": "; }
    .c::before { content: "[" counter(note) "]"; }
    .d::after { content: attr(data-n) " pages"; }
    """
    assert list(bare._in_style(sheet)) == [(3, "Version"), (6, "pages")]
