"""Model servers' keys at rest."""

from app import sealing
from app.errors import BadInputError

PURPOSE = "parley model server keys v1"


def seal(text: str) -> str:
    return sealing.seal(PURPOSE, text)


def unseal(token: str) -> str:
    """The text that was sealed. Raises BadInputError when SECRET_KEY is not the one it was sealed under."""
    try:
        return sealing.unseal(PURPOSE, token)
    except sealing.CannotUnsealError as error:
        raise BadInputError("SECRET_KEY has changed; enter the model server's key again.") from error
