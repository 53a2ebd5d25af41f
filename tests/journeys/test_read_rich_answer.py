"""An answer with code, formulas, notes and a wide table: how it is read, copied, and heard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.journeys.browsing import ask, ends
from tests.journeys.conftest import OpenWindow
from tests.journeys.house import House

pytestmark = pytest.mark.journey

ANSWER = """# How it adds up

The share is $\\frac{h}{40}$ of the leave.[^1] See [the rule][rule]. Nothing else counts.

```python
def leave(hours: float) -> float:
    return 27 * hours / 40  # LONG
```

| Who | Hours | Days | Carried over | Remark for the record |
|:---|---:|---:|---:|:---|
| Full time | 40 | 27 | 5 | averyveryveryveryveryverylongwordthatnobodybreaks |
| Part time | 20 | 13.5 | 2.5 | – |

$$
\\sum_{i=1}^{n} d_i + \\sum_{i=1}^{n} c_i + \\sum_{i=1}^{n} b_i
+ \\sum_{i=1}^{n} a_i = d_1 + d_2 + d_3 + d_4 + d_5 + d_6 + d_7
$$

- [x] counted
- [ ] approved

[^1]: Of a working week.

[rule]: /knowledge/
""".replace("LONG", "long " * 40)
# What is spoken is kept, and every sentence ends as soon as it began: there is no voice in a test.
SILENT_VOICE = """() => {
  window.spoken = [];
  speechSynthesis.speak = (one) => {
    window.spoken.push(one.text);
    if (!window.holdsBreath) setTimeout(() => one.dispatchEvent(new Event("end")), 5);
  };
}"""
OVERFLOWS = "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture
def answer(window: OpenWindow, house: House) -> Locator:
    """One that came over the open line in small pieces."""
    page = window("alice").open("/?assistant=writer")
    ends(ask(page, "Good day."))
    house.model.script(tokens=[ANSWER[at : at + 7] for at in range(0, len(ANSWER), 7)], pace=0.004)
    article = ask(page, "How does it add up?")
    ends(article)
    return article


def body(answer: Locator) -> Locator:
    return answer.locator(".prose").first


def test_it_looks_the_same_after_a_reload(answer: Locator) -> None:
    live = body(answer).inner_text()
    expect(body(answer).get_by_role("link", name="the rule")).to_be_visible()
    expect(body(answer).locator("math")).to_have_count(2)
    expect(answer.get_by_role("heading", level=4, name="How it adds up")).to_be_visible()
    answer.page.reload()
    again = answer.page.locator("article.answer").nth(1)
    assert body(again).inner_text() == live


def test_a_note_and_its_sign_lead_to_each_other(answer: Locator) -> None:
    answer.get_by_role("link", name="Note 1", exact=True).click()
    expect(answer.locator(".note:target")).to_contain_text("Of a working week.")
    answer.get_by_role("link", name="Note 1: back to the text").click()
    expect(answer.locator("sup a:target")).to_be_visible()


def test_nothing_widens_a_narrow_page_and_all_that_scrolls_has_the_keyboard(answer: Locator) -> None:
    page = answer.page
    page.set_viewport_size({"width": 360, "height": 740})
    assert not page.evaluate(OVERFLOWS)
    for name in (".scrolls", "pre", ".formula-block"):
        part = answer.locator(name).first
        assert part.evaluate("one => one.scrollWidth > one.clientWidth"), name
        part.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("one => one.scrollLeft > 0", arg=part.element_handle())


def test_code_is_wrapped_at_a_press_and_that_is_remembered(answer: Locator) -> None:
    page = answer.page
    pre = answer.locator("pre").first
    assert pre.evaluate("one => one.scrollWidth > one.clientWidth")
    wrap = answer.get_by_role("button", name="Wrap long lines of code")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert not pre.evaluate("one => one.scrollWidth > one.clientWidth")
    page.reload()
    wrap = page.get_by_role("button", name="Wrap long lines of code")
    expect(wrap).to_have_attribute("aria-pressed", "true")
    assert not page.locator("pre").first.evaluate("one => one.scrollWidth > one.clientWidth")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "false")


def test_code_says_its_language_and_is_copied(answer: Locator) -> None:
    page = answer.page
    assert answer.locator(".code-head").evaluate("one => getComputedStyle(one, '::before').content") == '"Python"'
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer.get_by_role("button", name="Copy this code").click()
    expect(page.locator(".toast")).to_contain_text("Copied.")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("def leave(hours: float) -> float:\n    return 27")


def test_it_is_copied_as_markdown(answer: Locator) -> None:
    page = answer.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator(".toast")).to_contain_text("Copied.")
    assert page.evaluate("() => navigator.clipboard.readText()").rstrip() == ANSWER.rstrip()


def test_it_is_read_aloud_without_code_and_signs_of_notes(answer: Locator) -> None:
    page = answer.page
    page.evaluate(SILENT_VOICE)
    answer.get_by_role("button", name="Read aloud").click()
    page.wait_for_function("() => window.spoken.some((one) => one.includes('working week'))")
    spoken: list[str] = page.evaluate("() => window.spoken")
    assert spoken[:2] == ["How it adds up", "The share is formula of the leave."]
    assert "Nothing else counts." in spoken
    assert not [one for one in spoken if "def " in one or one.strip() == "1"]
    expect(answer.get_by_role("button", name="Read aloud")).to_be_visible()


def test_reading_aloud_is_stopped_at_a_press(answer: Locator) -> None:
    page = answer.page
    page.evaluate(SILENT_VOICE)
    page.evaluate("() => { window.holdsBreath = true; }")
    answer.get_by_role("button", name="Read aloud").click()
    answer.get_by_role("button", name="Stop reading aloud").click()
    expect(answer.get_by_role("button", name="Read aloud")).to_be_visible()
    assert page.evaluate("() => window.spoken.length") == 1


def test_it_can_still_be_read_aloud_and_stopped_once_it_was_judged(answer: Locator) -> None:
    page = answer.page
    page.evaluate(SILENT_VOICE)
    page.evaluate("() => { window.holdsBreath = true; }")
    answer.get_by_role("button", name="Read aloud").click()
    answer.get_by_role("button", name="This helped").click()
    expect(answer.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "true")
    answer.get_by_role("button", name="Stop reading aloud").click()
    expect(answer.get_by_role("button", name="Read aloud")).to_be_visible()


def test_another_version_has_all_its_buttons_and_the_one_before_falls_silent(answer: Locator, house: House) -> None:
    page = answer.page
    house.model.script(tokens=["Briefly: it adds up."])
    answer.get_by_role("button", name="Answer again").click()
    expect(body(answer)).to_have_text("Briefly: it adds up.")
    ends(answer)
    page.evaluate(SILENT_VOICE)
    page.evaluate("() => { window.holdsBreath = true; }")
    page.evaluate("() => { speechSynthesis.cancel = () => { window.isSilent = true; }; }")
    answer.get_by_role("button", name="Read aloud").click()
    page.evaluate("() => { window.isSilent = false; }")
    answer.get_by_role("button", name="Show the version before").click()
    expect(answer.get_by_role("button", name="Copy this code")).to_be_visible()
    expect(answer.get_by_role("button", name="Wrap long lines of code")).to_be_visible()
    expect(answer.get_by_role("button", name="Read aloud")).to_be_visible()
    assert page.evaluate("() => window.isSilent")


def test_a_screen_reader_hears_each_sentence_once_and_whole(window: OpenWindow, house: House) -> None:
    page = window("alice").open("/?assistant=writer")
    ends(ask(page, "Good day."))
    words = [f"{word} " for n in range(6) for word in f"This is sentence {n} of a few.".split()]
    house.model.script(tokens=words, pace=0.08)
    answer = ask(page, "Tell me something.")
    heard = page.locator("#reader[aria-live=polite]")
    expect(heard).to_contain_text("This is sentence 0 of a few.")
    expect(answer).to_have_attribute("data-state", "writing")
    ends(answer)
    expect(heard).to_contain_text("This is sentence 5 of a few.")
    lines = page.locator("#reader p").evaluate_all("all => all.map((one) => one.textContent)")
    assert " ".join(lines).endswith(" ".join(f"This is sentence {n} of a few." for n in range(6)))
    assert " ".join(lines).count("sentence 0") == 1
    expect(page.locator("#announcer")).to_have_text("Answer complete.")


def test_earlier_messages_that_come_in_are_not_read_out(window: OpenWindow, house: House) -> None:
    page = window("alice").open("/?assistant=writer")
    house.model.script(tokens=["The first thing that was said. "] * 3, pace=0)
    ends(ask(page, "Good day."))
    page.reload()
    house.model.script(tokens=["Only this is new. "], pace=0)
    ends(ask(page, "And now?"))
    expect(page.locator("#reader")).to_contain_text("Only this is new.")
    assert "The first thing" not in page.locator("#reader").inner_text()


LONG = [
    f"{word} " for n in range(90) for word in f"This is sentence {n} of a very long answer.{chr(10) * 2}".split(" ")
]
AT_END = "() => scrollY + innerHeight > document.documentElement.scrollHeight - 120"
GROWS = "(height) => document.documentElement.scrollHeight > height + 60"


def test_the_page_follows_whoever_reads_at_its_end_and_nobody_else(window: OpenWindow, house: House) -> None:
    page = window("alice", viewport={"width": 900, "height": 500}).open("/?assistant=writer")
    ends(ask(page, "Good day."))
    house.model.script(tokens=LONG, pace=0.012)
    answer = ask(page, "Tell me everything.")
    page.wait_for_function("() => document.documentElement.scrollHeight > innerHeight + 1100")
    question = page.locator("article.question").last
    expect(question).to_be_in_viewport()  # it stands still for whoever reads from the beginning

    page.evaluate("() => { window.first = document.querySelectorAll('article.answer')[1].querySelector('.prose p'); }")
    page.evaluate("() => scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    page.wait_for_function(GROWS, arg=page.evaluate("() => document.documentElement.scrollHeight"))
    page.wait_for_function(AT_END)

    page.evaluate("() => scrollBy({ top: -400, behavior: 'instant' })")
    top = page.evaluate("() => scrollY")
    page.wait_for_function(GROWS, arg=page.evaluate("() => document.documentElement.scrollHeight"))
    expect(answer).to_have_attribute("data-state", "writing")
    assert page.evaluate("() => scrollY") == top
    ends(answer)
    assert page.evaluate("() => scrollY") == top
    assert page.evaluate("() => window.first.isConnected"), "a finished block was drawn anew"


def test_a_wide_table_keeps_its_place_while_rows_come_in(window: OpenWindow, house: House) -> None:
    page = window("alice", viewport={"width": 500, "height": 700}).open("/?assistant=writer")
    ends(ask(page, "Good day."))
    wide = " | ".join(["averyveryverylongword"] * 8)
    rows = ["| " + " | ".join("abcdefgh") + " |\n", "|---" * 8 + "|\n", *[f"| {wide} |\n" for _ in range(24)]]
    house.model.script(tokens=rows, pace=0.2)
    answer = ask(page, "A table, please.")
    expect(answer.locator("tbody tr").nth(1)).to_be_attached()
    table = answer.locator(".scrolls").element_handle()
    table.evaluate("one => { one.scrollLeft = 150; }")
    expect(answer.locator("tbody tr").nth(12)).to_be_attached()
    assert answer.get_attribute("data-state") == "writing"
    assert table.evaluate("one => one.isConnected && one.scrollLeft") == 150
    ends(answer)
    expect(answer.locator("tbody tr")).to_have_count(24)
