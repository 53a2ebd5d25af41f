"""What can be wrong with a policy, and a decision that came too late."""

from app.errors import BadInputError


class PolicyError(BadInputError):
    """A policy's rules cannot be used as written; the message names the rule and what to change."""

    code = "bad_policy"
