"""Model servers' keys at rest."""

from app import sealing
from app.errors import BadInputError

PURPOSE = "parley model server keys v1"


def seal(text: str) -> str:
    return sealing.seal(PURPOSE, text)


def unseal(token: str) -> str:
    """The text that was sealed. Raises BadInputError when the master key is not the one it was sealed under."""
    try:
        return sealing.unseal(PURPOSE, token)
    except sealing.CannotUnsealError as error:
        raise BadInputError(f"The model server's key cannot be opened. {error.message}") from error
