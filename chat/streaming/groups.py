"""The channel groups through which those who watch are told that there is something new."""

from __future__ import annotations

from uuid import UUID


def watchers_of(conversation_id: UUID) -> str:
    """Everyone who has this conversation open."""
    return f"conversation.{conversation_id}"


def lines_of(user_id: UUID) -> str:
    """All sockets that a person has open."""
    return f"person.{user_id}"
