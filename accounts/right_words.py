"""Rights in words, for whoever gives them to a program or is asked to."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.rights import CAPABILITIES, Capability

WORDS: dict[Capability, Promise] = {
    "chat.ask": _("Ask assistants, and read your conversations"),
    "chat.edit_assistant": _("Set up assistants"),
    "chat.edit_prompt": _("Keep saved prompts"),
    "knowledge.search": _("Search and read the documents you may read"),
    "knowledge.create_source": _("Make sources"),
    "knowledge.edit_source": _("Keep sources and their documents"),
    "knowledge.rebuild_index": _("Rebuild the index"),
    "knowledge.test_search": _("Try out the search as others see it"),
    "moderation.review": _("Review answers"),
    "moderation.edit_policy": _("Change policies"),
    "audit.read": _("Read the audit log"),
    "accounts.administer": _("Administer people, groups and limits"),
    "people.provision": _("Keep people and groups for a directory, over SCIM"),
    "pool.administer": _("Administer model servers"),
    "usage.read": _("Read what everybody uses up"),
}
# What a program may be told of the person who allows it; no right to do anything.
SIGN_IN_WORDS: dict[str, Promise] = {
    "openid": _("Know who you are"),
    "profile": _("Know your name"),
    "email": _("Know your e-mail address"),
}


def in_words(scopes: Iterable[str] | None) -> list[str]:
    """Rights, and what a program is told, in the order of the list; without any, none."""
    chosen = set(scopes or ())
    rights = [str(WORDS[one]) for one in CAPABILITIES if one in chosen and one in WORDS]
    return [str(words) for name, words in SIGN_IN_WORDS.items() if name in chosen] + rights


def choices(capabilities: Iterable[Capability]) -> list[tuple[str, Promise | str]]:
    """For a form."""
    return [(one, WORDS.get(one, one)) for one in capabilities]
