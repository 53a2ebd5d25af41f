"""Choosing a password: what is guessed is refused, and said why; what is hard to guess is taken."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User
from tests.conftest import SignIn
from tests.factories import PASSWORD

MOREAU = User(email="alice.moreau@haldenrook.example", name="Alice Moreau")


def refusal(password: str) -> str:
    """What is said against it, "" when it is taken."""
    try:
        validate_password(password, MOREAU)
    except ValidationError as error:
        return " ".join(str(message) for message in error.messages)
    return ""


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short-7-Zq!", "too short"),
        ("password1234", "many people use"),
        ("P@ssw0rd1234", "many people use"),
        ("letmeinletmein", "repeats itself"),
        ("aaaaaaaaaaaaaaa", "repeats itself"),
        ("qwertyuiop[]asdf", "lie beside each other"),
        ("zaq12wsxcde34rfv", "many people use"),
        ("abcdefghijklmnop", "order such as"),
        ("cdefghijklmn", "order such as"),
        ("Alice Moreau 1984", "your name"),
        ("alice.moreau@haldenrook", "your name"),
        ("haldenrook-parley-7", "name of this place"),
        ("summer2024!!", "many people use"),
        ("december1987", "first"),
    ],
)
def test_what_is_guessed_first_is_refused_with_the_reason(password: str, said: str) -> None:
    assert said in refusal(password), refusal(password)


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "correct horse battery staple",
        "lampe fjord ziegel rummel",
        "x7Kq-29vLm_fwT3a",
        "مكتبة قمر نافذة حديقة",
        "Alice reads quiet maps of Lisbon",
    ],
)
def test_what_is_hard_to_guess_is_taken_without_rules_about_its_letters(password: str) -> None:
    assert refusal(password) == ""


def test_the_longest_password_is_judged_quickly() -> None:
    began = time.monotonic()
    refusal("aB3$" * 2000)
    refusal("correct horse battery staple " * 200)
    assert time.monotonic() - began < 2


def test_the_page_says_why_and_what_to_do(alice: User, signed_in: SignIn) -> None:
    form = {"oldpassword": PASSWORD, "password1": "password1234", "password2": "password1234"}
    page = signed_in(alice).post("/account/password/change/", form)
    assert "many people use" in page.text
    assert "four or more words" in page.text
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
