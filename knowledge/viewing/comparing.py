"""What changed between two texts, for people: paragraph by paragraph, and word by word where one was rewritten.

Paragraphs that both texts have exactly once, in the same order, are anchors (patience diff); only between them are
paragraphs matched by likeness, and only rewritten ones are compared by words. Every step that could be quadratic is
bounded, so a text of a megabyte takes about a second, and a few when somebody made it to be slow; beyond a bound a
stretch is shown as replaced as a whole.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum

from knowledge.text.blocks import blocks

_TOKEN = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")
_MOST_EQUAL, _MOST_EQUAL_AT_ONCE = 1_500_000, 5_000
_MOST_PAIRS = 60_000
_ALIKE = 0.35
CONTEXT = 1
LONGEST = 4_000_000  # characters of both texts together that a page should be kept waiting for

Blocks = Sequence[str]


class Change(StrEnum):
    SAME = "same"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True)
class Run:
    """Consecutive words; ``is_changed`` when only one of the texts has them."""

    text: str
    is_changed: bool = False

    @property
    def words(self) -> str:
        return self.text.rstrip()

    @property
    def gap(self) -> str:
        """The space after the words, which is not worth a mark."""
        return self.text[len(self.words) :]


@dataclass(frozen=True)
class Row:
    """A paragraph of either text or of both. ``folded`` counts the unchanged paragraphs it stands for."""

    change: Change
    before: list[Run] = field(default_factory=list)
    after: list[Run] = field(default_factory=list)
    folded: int = 0

    @property
    def merged(self) -> list[tuple[str, Run]]:
        """Both texts in one line: (``same``, ``removed`` or ``added``, words)."""
        return list(_merged(self))


@dataclass(frozen=True)
class Comparison:
    """``rows`` in order; how many paragraphs were added, removed and rewritten."""

    rows: list[Row]
    added: int
    removed: int
    changed: int

    @property
    def is_same(self) -> bool:
        return not (self.added or self.removed or self.changed)


def compare(before: str, after: str, *, fold: bool = True) -> Comparison:
    """The rows of both texts side by side, long unchanged stretches folded into one row each."""
    budget = _Budget()
    old, new = _paragraphs(before), _paragraphs(after)
    rows = list(_rows(old, new, budget))
    counts = Counter(row.change for row in rows)
    return Comparison(
        _folded(rows) if fold else rows, counts[Change.ADDED], counts[Change.REMOVED], counts[Change.CHANGED]
    )


@dataclass
class _Budget:
    """What may still be spent: equal pairs for difflib to go through, and pairs of paragraphs to be likened."""

    equal: int = _MOST_EQUAL
    pairs: int = _MOST_PAIRS

    def takes_diff(self, old: Sequence[str], new: Sequence[str]) -> bool:
        """Whether difflib may compare these. Its time grows with the pairs of equal items, less those of items that
        are too frequent in a long sequence for it to begin at.
        """
        popular = 1 + len(new) // 100 if len(new) >= 200 else len(new)
        news = Counter(new)
        pairs = sum(count * news[item] for item, count in Counter(old).items() if news[item] <= popular)
        if pairs > min(self.equal, _MOST_EQUAL_AT_ONCE):
            return False
        self.equal -= pairs
        return True

    def takes_pairs(self, pairs: int) -> bool:
        if pairs > self.pairs:
            return False
        self.pairs -= pairs
        return True


def _paragraphs(text: str) -> list[str]:
    return [text[block.start : block.end] for block in blocks(text)]


def _rows(old: Blocks, new: Blocks, budget: _Budget) -> Iterator[Row]:
    at_old = at_new = 0
    for here, there in [*_anchors(old, new), (len(old), len(new))]:
        yield from _gap(old[at_old:here], new[at_new:there], budget)
        if here < len(old):
            yield _same(old[here])
        at_old, at_new = here + 1, there + 1


def _anchors(old: Blocks, new: Blocks) -> list[tuple[int, int]]:
    """Indexes of paragraphs that stand once in each text, the longest series in the same order."""
    olds, news = Counter(old), Counter(new)
    place = {text: index for index, text in enumerate(new) if news[text] == 1}
    pairs = [(index, place[text]) for index, text in enumerate(old) if olds[text] == 1 and text in place]
    ends: list[int] = []  # the least end of an increasing series of each length
    last: list[int] = []  # the pair that ends it
    earlier: list[int] = []  # of each pair, the one before it in its series
    for number, (_, there) in enumerate(pairs):
        length = bisect_left(ends, there)
        ends[length : length + 1] = [there]
        last[length : length + 1] = [number]
        earlier.append(last[length - 1] if length else -1)
    series: list[tuple[int, int]] = []
    at = last[-1] if last else -1
    while at >= 0:
        series.append(pairs[at])
        at = earlier[at]
    return series[::-1]


def _gap(old: Blocks, new: Blocks, budget: _Budget) -> Iterator[Row]:
    """Paragraphs between two anchors: equal ones first, then like ones, the rest as removed and added."""
    begin = end = 0
    shorter = min(len(old), len(new))
    while begin < shorter and old[begin] == new[begin]:
        begin += 1
    while end < shorter - begin and old[-1 - end] == new[-1 - end]:
        end += 1
    yield from (_same(text) for text in old[:begin])
    yield from _middle(old[begin : len(old) - end], new[begin : len(new) - end], budget)
    yield from (_same(text) for text in old[len(old) - end :])


def _middle(old: Blocks, new: Blocks, budget: _Budget) -> Iterator[Row]:
    if not old or not new or not budget.takes_diff(old, new):
        yield from _replaced(old, new)
        return
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            yield from (_same(text) for text in old[i1:i2])
        else:
            yield from _paired(old[i1:i2], new[j1:j2], budget)


def _paired(old: Blocks, new: Blocks, budget: _Budget) -> Iterator[Row]:
    if not budget.takes_pairs(len(old) * len(new)):
        yield from _replaced(old, new)
        return
    at_old = at_new = 0
    for here, there in [*_matches(old, new), (len(old), len(new))]:
        yield from (_removed(text) for text in old[at_old:here])
        yield from (_added(text) for text in new[at_new:there])
        if here < len(old):
            yield _rewritten(old[here], new[there], budget)
        at_old, at_new = here + 1, there + 1


def _matches(old: Blocks, new: Blocks) -> list[tuple[int, int]]:
    """Which paragraph became which: the series in order with the greatest sum of likeness."""
    words, others = [Counter(_TOKEN.findall(text)) for text in old], [Counter(_TOKEN.findall(text)) for text in new]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    like = [[_likeness(mine, theirs) for theirs in others] for mine in words]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            pair = like[i][j] + best[i + 1][j + 1] if like[i][j] >= _ALIKE else 0.0
            best[i][j] = max(best[i + 1][j], best[i][j + 1], pair)
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        if like[i][j] >= _ALIKE and best[i][j] == like[i][j] + best[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


def _likeness(mine: Counter[str], theirs: Counter[str]) -> float:
    """The part of their words that both share, from 0 to 1 (Dice)."""
    if len(mine) > len(theirs):
        mine, theirs = theirs, mine
    shared = sum(min(count, theirs[word]) for word, count in mine.items())
    size = mine.total() + theirs.total()
    return 2 * shared / size if size else 0.0


def _rewritten(old: str, new: str, budget: _Budget) -> Row:
    mine, theirs = _TOKEN.findall(old), _TOKEN.findall(new)
    if not budget.takes_diff(mine, theirs):
        return Row(Change.CHANGED, [Run(old, True)], [Run(new, True)])
    before: list[Run] = []
    after: list[Run] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, mine, theirs).get_opcodes():
        if i2 > i1:
            before.append(Run("".join(mine[i1:i2]), kind != "equal"))
        if j2 > j1:
            after.append(Run("".join(theirs[j1:j2]), kind != "equal"))
    return Row(Change.CHANGED, before, after)


def _merged(row: Row) -> Iterator[tuple[str, Run]]:
    """Unchanged words are the same runs on both sides, so both are walked from one to the next."""
    after = iter(row.after)
    for run in row.before:
        if run.is_changed:
            yield "removed", run
            continue
        for other in after:
            if not other.is_changed:
                break
            yield "added", other
        yield "same", run
    yield from (("added", run) for run in after)


def _folded(rows: Sequence[Row]) -> list[Row]:
    """Unchanged paragraphs further than CONTEXT from a change become one row for each stretch."""
    near = {
        index + step
        for index, row in enumerate(rows)
        if row.change is not Change.SAME
        for step in range(-CONTEXT, CONTEXT + 1)
    }
    shown: list[Row] = []
    for index, row in enumerate(rows):
        if index in near:
            shown.append(row)
        elif shown and shown[-1].folded:
            shown[-1] = Row(Change.SAME, folded=shown[-1].folded + 1)
        else:
            shown.append(Row(Change.SAME, folded=1))
    return shown


def _replaced(old: Blocks, new: Blocks) -> Iterator[Row]:
    yield from (_removed(text) for text in old)
    yield from (_added(text) for text in new)


def _same(text: str) -> Row:
    return Row(Change.SAME, [Run(text)], [Run(text)])


def _added(text: str) -> Row:
    return Row(Change.ADDED, after=[Run(text, True)])


def _removed(text: str) -> Row:
    return Row(Change.REMOVED, before=[Run(text, True)])
