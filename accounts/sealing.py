"""Secrets of second steps at rest."""

from app import sealing

PURPOSE = "parley second steps v1"


def seal(text: str) -> str:
    return sealing.seal(PURPOSE, text)


def unseal(token: str) -> str:
    """The text that was sealed. Raises CannotUnsealError when SECRET_KEY is not the one it was sealed under."""
    return sealing.unseal(PURPOSE, token)
