"""The other journeys end with "nothing went wrong": here things go wrong, and the window tells."""

from __future__ import annotations

import pytest

from tests.journeys.browsing import eventually
from tests.journeys.conftest import OpenWindow

pytestmark = pytest.mark.journey

BY_POLICY = "Content Security Policy"
TROUBLE = {
    "console.error('broken')": "console error: broken",
    "console.warn('careful')": "console warning: careful",
    "setTimeout(() => { throw new Error('lost') })": "a script failed: lost",
    "new Image().src = 'https://outside.example/a.png'": BY_POLICY,
    "document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')": BY_POLICY,
    "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"harmed=1\">')": BY_POLICY,
    "location.assign('https://outside.example/')": "went outside: https://outside.example/",
    "fetch('/nowhere/')": "answered 404",
}


@pytest.mark.parametrize("script", TROUBLE)
def test_a_window_tells_what_went_wrong(window: OpenWindow, script: str) -> None:
    nobody = window()
    page = nobody.open("/account/login/")
    assert nobody.left_alone() == []
    page.evaluate(f"{{ {script} }}")
    eventually(page, lambda: any(TROUBLE[script] in wrong for wrong in nobody.left_alone()))
    nobody.expect("")
