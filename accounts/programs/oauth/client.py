"""A registered program as the OAuth library asks for it."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from accounts.models import Program
from accounts.programs.oauth.signing import ALGORITHM
from accounts.programs.oauth.tokens import SIGN_IN_SCOPES, is_secret_of

_LOOPBACK = ("127.0.0.1", "::1")


class Client:
    """What a program may ask for, by its row. Anything that was not registered is refused, not trimmed."""

    id_token_signed_response_alg = ALGORITHM

    def __init__(self, row: Program) -> None:
        self.row = row
        self.client_id = str(row.pk)

    def __repr__(self) -> str:
        return f"<program {self.client_id}>"

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: each request names its own, word for word."""
        return

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """The scopes that were asked for, or all rights when none were; None, a refusal, if one is not allowed."""
        allowed = list(self.row.capabilities)
        if self.row.acts_for_people:
            allowed += SIGN_IN_SCOPES
        wanted = dict.fromkeys((scope or "").split()) or dict.fromkeys(self.row.capabilities)
        return " ".join(wanted) if set(wanted) <= set(allowed) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return any(is_same_target(one, redirect_uri) for one in self.row.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return is_secret_of(self.row, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if self.row.is_confidential:
            return method in ("client_secret_basic", "client_secret_post")
        return method == "none" and endpoint != "introspection"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and self.row.acts_for_people

    def check_grant_type(self, grant_type: str) -> bool:
        if grant_type == "client_credentials":
            return self.row.acts_for_itself and self.row.is_confidential
        return grant_type in ("authorization_code", "refresh_token") and self.row.acts_for_people


def is_same_target(registered: str, asked: str) -> bool:
    """Letter for letter; of a program on the person's own machine any port counts (RFC 8252, 7.3)."""
    if registered == asked:
        return True
    ours, theirs = urlsplit(registered), _split(asked)
    if theirs is None or ours.scheme != "http" or ours.hostname not in _LOOPBACK:
        return False
    without_port = (theirs.scheme, theirs.hostname, theirs.path, theirs.query, theirs.fragment, theirs.username)
    return without_port == (ours.scheme, ours.hostname, ours.path, ours.query, "", None)


def find_client(client_id: str) -> Client | None:
    """A program that may come now."""
    try:
        program = Program.objects.live().select_related("account").filter(pk=UUID(client_id)).first()
    except ValueError:
        return None
    return Client(program) if program else None


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts
