"""The OAuth server: the library keeps the protocol, this says what Parley keeps and gives out.

Grants: authorisation code with PKCE (always, S256 only), refresh tokens that change with every use, client credentials.
Every token request runs in one transaction on locked rows, so a code or refresh token is used once even when it is sent
twice at the same moment; and a second use ends all that came from the same consent, because two have it now.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from authlib.integrations.django_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, InvalidScopeError
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oidc.core.grants import OpenIDCode
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, rights
from accounts.models import Consent, IssuedCode, IssuedToken, User
from accounts.programs.oauth import tokens
from accounts.programs.oauth.client import Client, find_client
from accounts.programs.oauth.signing import ALGORITHM, signing_key

CODE_SECONDS = 60
LONGEST_NONCE = 255
METHODS = ["client_secret_basic", "client_secret_post"]


def issuer() -> str:
    return str(settings.PUBLIC_URL).rstrip("/")


class Server(AuthorizationServer):  # type: ignore[misc]
    """The library's, on Parley's tables."""

    def __init__(self) -> None:
        super().__init__(None, None)

    def load_config(self, config: dict[str, Any]) -> None:
        self.config, self.scopes_supported = config, None
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: tokens.new_secret(tokens.ACCESS),
                lambda **_: tokens.new_secret(tokens.REFRESH),
                lambda client, grant_type: settings.ACCESS_TOKEN_MINUTES * 60,
            ),
        )

    def query_client(self, client_id: str) -> Client | None:
        return find_client(client_id)

    def save_token(self, token: dict[str, Any], request: Any) -> IssuedToken:
        """Keep the digests of what is about to be given out."""
        now, program = timezone.now(), request.client.row
        source = getattr(request, "authorization_code", None) or getattr(request, "refresh_token", None)
        refresh = token.get("refresh_token")
        issued = IssuedToken.objects.create(
            digest=tokens.digest_of(token["access_token"]),
            refresh_digest=tokens.digest_of(refresh) if refresh else None,
            program=program,
            user=request.user,
            consent=source.consent if source else None,
            scopes=token["scope"].split(),
            stand=source.stand if source else tokens.stand_of(request.user),
            expires_at=min(now + timedelta(seconds=token["expires_in"]), program.expires_at),
            refresh_expires_at=now + timedelta(days=settings.REFRESH_TOKEN_DAYS) if refresh else None,
        )
        payload = {"user": request.user.pk, "grant": request.payload.grant_type, "scopes": issued.scopes}
        audit.record(actor=request.user, action="program.token", obj=program, payload=payload)
        return issued


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = [*METHODS, "none"]

    def generate_authorization_code(self) -> str:
        return tokens.new_secret(tokens.CODE)

    def save_authorization_code(self, code: str, request: Any) -> None:
        program, user = request.client.row, request.user
        data = request.payload.data
        IssuedCode.objects.create(
            digest=tokens.digest_of(code),
            program=program,
            user=user,
            consent=Consent.objects.live().get(user=user, program=program),
            redirect_uri=request.payload.redirect_uri or "",
            scopes=scopes_for(user, request.scope),
            code_challenge=data["code_challenge"],
            nonce=data.get("nonce", ""),
            stand=tokens.stand_of(user),
            expires_at=timezone.now() + timedelta(seconds=CODE_SECONDS),
        )

    def query_authorization_code(self, code: str, client: Client) -> IssuedCode | None:
        rows = IssuedCode.objects.select_for_update(of=("self",)).select_related("user", "program", "consent")
        found = rows.filter(digest=tokens.digest_of(code), program=client.row).first()
        if found is None or found.expires_at <= timezone.now():
            return None
        if found.used_at is not None:
            _end_all_of(found.consent, found.user, "code")
            return None
        return found if found.consent.revoked_at is None and found.stand == tokens.stand_of(found.user) else None

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        authorization_code.used_at = timezone.now()
        authorization_code.save(update_fields=["used_at"])

    def authenticate_user(self, authorization_code: IssuedCode) -> User | None:
        return authorization_code.user if authorization_code.user.is_active else None


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = [*METHODS, "none"]

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        rows = IssuedToken.objects.select_for_update(of=("self",)).select_related("user", "program", "consent")
        found = rows.filter(refresh_digest=tokens.digest_of(refresh_token), program=self.request.client.row).first()
        if found is None or found.refresh_expires_at is None or found.refresh_expires_at <= timezone.now():
            return None
        if found.refreshed_at is not None and found.consent is not None:
            _end_all_of(found.consent, found.user, "refresh_token")
            return None
        return found if found.revoked_at is None and tokens.stands(found) else None

    def issue_token(self, user: User, refresh_token: IssuedToken) -> dict[str, Any]:
        """With the scopes of before, or fewer, as far as the program may still have them."""
        wanted = (self.request.payload.scope or refresh_token.get_scope()).split()
        left = [one for one in wanted if self.client.get_allowed_scope(one)]
        if not left:
            raise InvalidScopeError
        token: dict[str, Any] = self.generate_token(user=user, scope=" ".join(left), include_refresh_token=True)
        return token

    def authenticate_user(self, refresh_token: IssuedToken) -> User:
        return refresh_token.user

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """The refresh token is used up; its access token ends by itself soon, for calls that are under way."""
        refresh_token.refreshed_at = timezone.now()
        refresh_token.save(update_fields=["refreshed_at"])


class CredentialsGrant(grants.ClientCredentialsGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def validate_token_request(self) -> None:
        super().validate_token_request()
        account = self.request.client.row.account
        if account is None or not account.is_active:
            raise InvalidGrantError("The account of this program is suspended.")
        self.request.user = account


class Pkce(CodeChallenge):  # type: ignore[misc]
    """Needed of every program, confidential or not, and with a digest only."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge"):
            raise InvalidRequestError("Missing 'code_challenge'")
        if data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("'code_challenge_method' must be S256.")
        if len(data.get("nonce", "")) > LONGEST_NONCE:
            raise InvalidRequestError(f"'nonce' can have {LONGEST_NONCE} characters.")
        super().validate_code_challenge(grant, redirect_uri)


class IdTokens(OpenIDCode):  # type: ignore[misc]
    """Who somebody is, signed, for programs that ask with the scope ``openid``."""

    def exists_nonce(self, nonce: str, request: Any) -> bool:
        """A code works once, so its nonce does."""
        return False

    def resolve_client_private_key(self, client: Client) -> Any:
        return signing_key()

    def get_encode_header(self, client: Client) -> dict[str, str]:
        return {"alg": ALGORITHM, "kid": signing_key().kid or ""}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": issuer(), "aud": [client.client_id]}

    def generate_user_info(self, user: User, scope: str) -> dict[str, Any]:
        return claims_of(user, scope.split())


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    CLIENT_AUTH_METHODS = [*METHODS, "none"]

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        return _find_either(token_string)

    def revoke_token(self, token: IssuedToken, request: Any) -> None:
        """The pair ends, with the sockets that it may have opened."""
        IssuedToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())
        audit.record(actor=token.user, action="program.give_back", obj=token.program, payload={"token": token.pk})
        tokens.end_lines(token.program, [token.user_id])


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """A program may ask about what it was given itself; of anything else it hears that it is not active."""

    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:
        found = _find_either(token_string)
        if found is None or found.revoked_at is not None or not tokens.stands(found):
            return None
        if tokens.digest_of(token_string) == found.refresh_digest:
            is_over = found.refreshed_at is not None or (found.refresh_expires_at or timezone.now()) <= timezone.now()
            found.expires_at = found.refresh_expires_at or found.expires_at
            return None if is_over else found
        return found

    def check_permission(self, token: IssuedToken, client: Client, request: Any) -> bool:
        return token.check_client(client)

    def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
        return {
            "active": True,
            "iss": issuer(),
            "client_id": str(token.program_id),
            "sub": str(token.user_id),
            "scope": token.get_scope(),
            "token_type": "Bearer",
            "iat": int(token.created_at.timestamp()),
            "exp": int(token.expires_at.timestamp()),
        }


def scopes_for(user: User, scope: str) -> list[str]:
    """What somebody can allow of what is asked: of rights those that they have themselves."""
    own = {*rights.granted_to(user), *tokens.SIGN_IN_SCOPES}
    return [one for one in scope.split() if one in own]


def claims_of(user: User, scopes: list[str]) -> dict[str, Any]:
    claims: dict[str, Any] = {"sub": str(user.pk)}
    if "profile" in scopes:
        claims["name"] = user.name or user.email
    if "email" in scopes:
        claims["email"] = user.email
    return claims


def _find_either(secret: str) -> IssuedToken | None:
    digest = tokens.digest_of(secret)
    rows = IssuedToken.objects.select_related("user", "program", "consent")
    return rows.filter(digest=digest).first() or rows.filter(refresh_digest=digest).first()


def _end_all_of(consent: Consent, user: User, what: str) -> None:
    """Somebody used what was used before: end everything that came from the consent, which itself stays."""
    with transaction.atomic():
        count = tokens.revoke_tokens(program=consent.program, user=user, consent=consent)
        payload = {"again": what, "tokens": count}
        audit.record(actor=user, action="program.used_twice", obj=consent.program, outcome="denied", payload=payload)


server = Server()
server.register_grant(CodeGrant, [Pkce(required=True), IdTokens()])
server.register_grant(RefreshGrant)
server.register_grant(CredentialsGrant)
server.register_endpoint(Revocation)
server.register_endpoint(Introspection)
