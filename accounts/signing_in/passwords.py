"""What a password must withstand: somebody who tries what people usually choose, most usual first.

Estimated by zxcvbn, which knows leaked passwords, words, names, dates, repeats and ways across a keyboard, and needs no
network; besides, what can be read off the person (name, address) and the house (its name, its host). No rules about
capitals and digits: they make passwords that are alike, and hard to keep in mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from zxcvbn import zxcvbn

from accounts.models import User

LEAST_SCORE = 4  # of 4: more than 10^10 guesses
_LONGEST_READ = 64  # more costs time that grows with the square, and is not guessed anyway
_SHORTEST_WORD = 3

# What is wrong, by the pattern that zxcvbn saw in the longest part of the password.
_REASONS: dict[str, Promise | str] = {
    "passwords": _("It is built on a password that many people use, and that has been published."),
    "dictionary": _("It is built on a word or name that is tried among the first."),
    "spatial": _("It follows keys that lie beside each other."),
    "repeat": _("It repeats itself."),
    "sequence": _("It follows an order such as abc or 6543."),
    "date": _("It is built on a date or a year."),
    "regex": _("It is built on a date or a year."),
}
_OWN = _("It is built on your name, your address or the name of this place, which is what others try first.")
_EASY = _("It is easy to guess.")
_ADVICE = _("Take four or more words that have nothing to do with each other, or let a password manager make one.")


class NotGuessable:
    """For AUTH_PASSWORD_VALIDATORS: refuses what would be guessed, and says by what it would be."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError when the password, or what is left of it without words that others know, is weak."""
        password = password[:_LONGEST_READ]
        found = zxcvbn(password, max_length=_LONGEST_READ)
        reason = _reason(found["sequence"])
        if found["score"] >= LEAST_SCORE:
            rest = _without(password, set(_known_of(user)))
            if rest == password or (rest and zxcvbn(rest, max_length=_LONGEST_READ)["score"] >= LEAST_SCORE):
                return
            reason = _OWN
        raise ValidationError([reason, _ADVICE])

    def get_help_text(self) -> str:
        return str(_("Four or more words that have nothing to do with each other make a good one."))


def _without(password: str, words: set[str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), "", password, flags=re.IGNORECASE)


def _known_of(user: Any) -> Iterator[str]:
    """Words that others can know: of the person, and of the house."""
    texts = [settings.APP_NAME, urlsplit(settings.PUBLIC_URL).hostname or ""]
    if isinstance(user, User):
        texts += [user.name, user.email]
    for text in texts:
        yield from (word for word in re.split(r"\W+", text.lower()) if len(word) >= _SHORTEST_WORD)


def _reason(sequence: list[dict[str, Any]]) -> Promise | str:
    """What the longest part is that follows a pattern."""
    patterns = [part for part in sequence if part["pattern"] != "bruteforce"]
    if not patterns:
        return _EASY
    longest = max(patterns, key=lambda part: len(part["token"]))
    is_leaked = longest.get("dictionary_name") == "passwords"
    return _REASONS["passwords" if is_leaked else longest["pattern"]]
