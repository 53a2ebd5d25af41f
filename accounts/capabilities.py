"""What there is to be allowed, and which of it the built-in roles give.

A role made here by an administrator (``CustomRole``) is another choice from the same list. What
the roles of one's own give is written beside each person (``User.granted``) by the database itself, whenever the role
or who has it changes: so asking what somebody may do costs no statement, and nothing can be out of date.
"""

from __future__ import annotations

from typing import Literal, get_args

from django.utils.translation import gettext_noop as _

Capability = Literal[
    "chat.ask",
    "chat.edit_assistant",
    "chat.edit_prompt",
    "chat.keep_shared_prompts",
    "knowledge.search",
    "knowledge.create_source",
    "knowledge.edit_source",
    "knowledge.keep_every_source",
    "knowledge.rebuild_index",
    "knowledge.test_search",
    "moderation.review",
    "moderation.edit_policy",
    "audit.read",
    "accounts.administer",
    "people.provision",
    "insight.ask",
    "insight.approve",
    "retention.administer",
    "pool.administer",
    "usage.read",
]
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

# By the names in accounts.models.Role, which cannot be imported here.
GRANTS: dict[str, frozenset[Capability]] = {
    "employee": frozenset({"chat.ask", "chat.edit_prompt", "knowledge.search"}),
    "owner": frozenset({"knowledge.create_source", "knowledge.edit_source", "knowledge.test_search"}),
    "moderator": frozenset({"moderation.review"}),
    "auditor": frozenset({"audit.read", "usage.read", "insight.approve"}),
    "admin": frozenset(
        {
            "chat.edit_assistant",
            "chat.edit_prompt",
            "chat.keep_shared_prompts",
            "knowledge.create_source",
            "knowledge.edit_source",
            "knowledge.keep_every_source",
            "knowledge.rebuild_index",
            "knowledge.test_search",
            "moderation.edit_policy",
            "accounts.administer",
            "people.provision",
            "insight.ask",
            "insight.approve",
            "retention.administer",
            "pool.administer",
            "usage.read",
        }
    ),
}

# What each of them is, in English, for the pages.
MEANINGS: dict[Capability, str] = {
    "chat.ask": _("Ask assistants, keep conversations and read them"),
    "chat.edit_assistant": _("Set up assistants"),
    "chat.edit_prompt": _("Save prompts, and share them with a group"),
    "chat.keep_shared_prompts": _("Change prompts that others share"),
    "knowledge.search": _("Search the knowledge that one's groups may read"),
    "knowledge.create_source": _("Make sources"),
    "knowledge.edit_source": _("Keep one's own sources"),
    "knowledge.keep_every_source": _("Keep the sources of everybody"),
    "knowledge.rebuild_index": _("Build and change the search index"),
    "knowledge.test_search": _("Try out searches, and see why a passage is found"),
    "moderation.review": _("Decide the cases of the review queue"),
    "moderation.edit_policy": _("Change the policies that answers are screened by"),
    "audit.read": _("Read the audit log"),
    "accounts.administer": _("Look after people, groups, roles and limits"),
    "people.provision": _("Let a directory keep people and groups, over SCIM"),
    "insight.ask": _("Ask to read somebody's conversations, for a reason and a time"),
    "insight.approve": _("Allow others to read somebody's conversations"),
    "retention.administer": _("Say how long things are kept, and put legal holds on them"),
    "pool.administer": _("Run the model servers"),
    "usage.read": _("See what everybody uses up"),
}


def given_by(roles: list[str]) -> frozenset[Capability]:
    """What these built-in roles give; others give nothing here."""
    return frozenset().union(*(GRANTS[role] for role in roles if role in GRANTS))


def built_in_with(capability: str) -> list[str]:
    """The built-in roles that give it."""
    return sorted(role for role, given in GRANTS.items() if capability in given)
