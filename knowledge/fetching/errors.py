"""What can go wrong with asking a host, each with a sentence for the person who named it."""


class FetchError(Exception):
    """Base of all of them; ``reason`` is a whole sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedError(FetchError):
    """Parley does not ask this: the address is not one it may reach, or the answer leads to such a one."""


class UnansweredError(FetchError):
    """The host is not known, does not answer, or answers what cannot be understood. It may pass."""


class TooMuchError(FetchError):
    """The answer is larger than what was allowed for."""
