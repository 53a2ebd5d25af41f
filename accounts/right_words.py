"""Rights in words, for whoever gives them to a program or is asked to."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.capabilities import CAPABILITIES, MEANINGS, Capability

# What a program may be told of the person who allows it; no right to do anything.
SIGN_IN_WORDS: dict[str, Promise] = {
    "openid": _("Know who you are"),
    "profile": _("Know your name"),
    "email": _("Know your e-mail address"),
}


def in_words(scopes: Iterable[str] | None) -> list[str]:
    """Rights, and what a program is told, in the order of the list; without any, none."""
    chosen = set(scopes or ())
    rights = [gettext(MEANINGS[one]) for one in CAPABILITIES if one in chosen]
    return [str(words) for name, words in SIGN_IN_WORDS.items() if name in chosen] + rights


def choices(capabilities: Iterable[Capability]) -> list[tuple[str, Promise]]:
    """For a form."""
    return [(one, _(MEANINGS[one])) for one in capabilities]
