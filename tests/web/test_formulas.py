"""Formulas in texts: set as MathML where they can be, code where they cannot, and sums of money are none."""

import re

import pytest

from app.web.markdown import render
from app.web.markdown.formulas import DEEPEST, LONGEST_SOURCE


@pytest.mark.parametrize(
    "text",
    ["$x^2$", r"\(x^2\)", "a $x^2$, b", "Set $x^2$.", "設$x^2$為", r"$\alpha_{1}$", "$2x + 3$", "$n$-th", "($x^2$)"],
)
def test_it_stands_in_the_line(text):
    html = render(text)
    assert html.count("<math") == 1 and 'display="inline"' in html
    assert "$" not in html and "\\" not in html


@pytest.mark.parametrize(
    "text",
    ["$$x^2$$", "$$\nx^2\n$$", r"\[x^2\]", "\\[\nx^2\n\\]", "words $$x^2$$ words", "Thus:\n$$\nx^2\n$$\nso.",
     "- item\n  $$\n  x^2\n  $$\n", "> $$\n> x^2\n> $$\n", "\\[\nx\n- y\n= z\n\\]", "\\[x^2\\] words"],
)  # fmt: skip
def test_it_stands_by_itself(text):
    html = render(text)
    assert html.count("<math") == 1 and 'display="block"' in html
    assert 'class="formula formula-block" tabindex="0"' in html
    assert "$" not in html and "\\" not in html and html.count("<ul>") == text.count("item")


@pytest.mark.parametrize(
    "text",
    ["It costs $5 and $10.", "From $5-$10.", "$5/month to $10/month", "US$5 or 10$ each", "between $5k and US$ 10",
     "$5 or 10$ more", "$HOME and $PATH", "$HOME/$USER", "a $ b $ c", r"\$x\$", "$", "100$ of 200$", "`$x$`",
     "$5, $6, $7"],
)  # fmt: skip
def test_money_and_names_stay_text(text):
    html = render(text)
    assert "<math" not in html
    assert re.sub(r"<[^>]+>", "", html).strip() == text.replace("\\$", "$").replace("`", "")


@pytest.mark.parametrize(
    "latex",
    [r"\frac{1}{", r"\unknowncommand{x}", "}{", r"\begin{matrix} a", r"\left( x", "x^^2_", r"\right)", r"\end{matrix}",
     "{" * 500, r"\frac" * 300, "x_" * 300, r"\sqrt" * 400, "x" * (LONGEST_SOURCE + 1),
     "{" * (DEEPEST + 9) + "x" + "}" * (DEEPEST + 9),
     r"\newcommand{\a}{xx}\newcommand{\b}{\a\a\a\a}\b", r"\def\a{\a\a}\a", r"\left"],
)  # fmt: skip
def test_what_cannot_be_set_is_shown_as_it_was_written(latex):
    html = render(f"Before ${latex}$ after.\n\n$$\n{latex}\n$$\n")
    assert "<math" not in html
    assert html.count("<code>") == 2 and "Before" in html and "after" in html
    assert latex[:20].replace("&", "&amp;") in html


def test_one_that_is_not_finished_is_code_until_it_is():
    assert "<math" not in render("$$\nx^2\n") and 'class="code-head"' in render("$$\nx^2\n")


@pytest.mark.parametrize(
    "latex",
    [r"\hspace{1000em}x", r"x\hspace{-50em}y", r"\rule{900em}{900em}x", r"\color{white}{x}", r"\mathchoice xyzw",
     r"\Huge x",
     r"\href{/account/}{x}", r"\style{color:red}{x}", r"\class{dialog}{x}", r"\raise 900em x", r"\kern{-99em}x"],
)  # fmt: skip
def test_none_can_cover_other_text_or_lead_anywhere(latex):
    html = render(f"$x{latex}$")
    lengths = [float(number) for number in re.findall(r'="(-?[\d.]+)(?:em|ex|px|pt)', html)]
    assert not [length for length in lengths if not -1 <= length <= 50]
    assert not re.search(
        r"<[^>]*\s(?:href|style|class|mathcolor|mathbackground|id)=", html.replace('class="formula', "")
    )


def test_a_long_one_scrolls_in_itself():
    assert 'class="formula" tabindex="0"' in render("$" + "+".join(f"x_{{{n}}}" for n in range(30)) + "$")
    assert "tabindex" not in render("$x+y$")


@pytest.mark.parametrize(
    ("latex", "parts"),
    [(r"\frac{a}{b}", ["mfrac"]), (r"\sqrt[3]{x}", ["mroot"]), (r"\sum_{i=1}^n i", ["munderover", "msubsup"]),
     (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", ["mtable", "mtd"]), (r"\begin{cases}1&x\\2&y\end{cases}", ["mtable"]),
     (r"\hat{x}", ["mover"]), (r"\text{if } x < 3", ["mtext"]), (r"a \leq b", ["mo"]), (r"\mathbb{R}", ["mi"]),
     (r"\begin{aligned}a&=b\\c&=d\end{aligned}", ["mtable"])],
)  # fmt: skip
def test_common_ones_are_set(latex, parts):
    html = render(f"$${latex}$$")
    assert any(f"<{part}" in html for part in parts), html
