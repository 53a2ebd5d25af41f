"""What allauth asks about signing in through a provider: which there are, and who comes from them."""

from __future__ import annotations

from functools import partial
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.saml.provider import SAMLProvider
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from accounts import audit
from accounts.models import User
from accounts.signing_in.providers import OIDC, SignInProvider, find_provider, providers
from accounts.signing_in.signing_out import AT_PROVIDER, There, there
from accounts.signing_in.single_sign_on import NotAdmittedError, admit, read_told

THERE = "parley:session there"  # beside what a provider said of the person: what it said of its session
_KINDS = {OIDC: "openid_connect", "saml": "saml"}


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Those of SIGN_IN_PROVIDERS and no others: none is ever read from the database."""
        apps = [_app_of(one) for one in providers()]
        return [
            app
            for app in apps
            if provider in (None, app.provider, app.provider_id) and client_id in (None, app.client_id)
        ]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Decide who this is, before allauth could think of making or connecting an account itself."""
        account = sociallogin.account
        provider = find_provider(account.provider)
        process = sociallogin.state.get("process", "login")
        try:
            if provider is None or process != "login":
                raise NotAdmittedError("Sign in from the sign-in page.")
            told = read_told(provider, account.uid, _claims_of(account))
            user = admit(provider=provider, told=told, known=_known(account))
        except NotAdmittedError as error:
            response = render(request, "account/provider_refused.html", {"reason": error.message}, status=403)
            raise ImmediateHttpResponse(response) from error
        at = _session_there(provider, account)
        sociallogin.account = SocialAccount.objects.get(provider=account.provider, uid=account.uid)
        # What was told is of use at this moment only, and is not kept.
        SocialAccount.objects.filter(pk=sociallogin.account.pk).update(extra_data={})
        sociallogin.user = user
        sociallogin.state[AT_PROVIDER] = at  # goes with it through a second step

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        with transaction.atomic():
            audit.record(
                actor=f"provider:{provider.app.provider_id}",
                action="account.sign_in",
                outcome="denied",
                payload={"error": str(error)},
            )


def _app_of(provider: SignInProvider) -> SocialApp:
    app = SocialApp(provider=_KINDS[provider.kind], provider_id=provider.id, name=provider.name)
    if provider.kind == OIDC:
        app.client_id, app.secret = provider.client_id, provider.client_secret
        app.settings = {"server_url": provider.server_url, "oauth_pkce_enabled": True}
    else:
        app.client_id = provider.id
        app.get_provider = partial(_saml_of, app)
        mapping = {"email": provider.email_claim, "email_verified": "email_verified"}
        signs = bool(provider.advanced.get("private_key"))
        signed = {"want_assertion_signed": True, "logout_request_signed": signs, "logout_response_signed": signs}
        app.settings = {
            "idp": provider.idp,
            "sp": provider.sp,
            "attribute_mapping": mapping,
            "advanced": signed | provider.advanced | {"strict": True},
        }
    return app


class _Saml(SAMLProvider):  # type: ignore[misc]
    """Tells of the session there, too."""

    def extract_extra_data(self, data: Any) -> dict[str, Any]:
        session = {"sid": data.get_session_index() or "", "hint": data.get_nameid_format() or ""}
        return {**data.get_attributes(), THERE: session}


def _saml_of(app: SocialApp, request: HttpRequest) -> SAMLProvider:
    return _Saml(request=request, app=app)


def _session_there(provider: SignInProvider, account: SocialAccount) -> There:
    """What the provider said of its own session with them."""
    said = account.extra_data.get(THERE, {})
    sid = said.get("sid") or account.extra_data.get("id_token", {}).get("sid") or ""
    leave = said.get("leave", "") if provider.kind == OIDC else provider.idp.get("slo_url", "")
    return there(provider, uid=account.uid, sid=str(sid), hint=said.get("hint", ""), leave=leave)


def _claims_of(account: SocialAccount) -> dict[str, Any]:
    """What the provider said: OpenID Connect's user info over its token, SAML's attributes as they are."""
    said = {name: value for name, value in account.extra_data.items() if name != THERE}
    return {**said.get("id_token", {}), **said["userinfo"]} if "userinfo" in said else said.get("id_token", said)


def _known(account: SocialAccount) -> User | None:
    found = SocialAccount.objects.filter(provider=account.provider, uid=account.uid).select_related("user").first()
    return found.user if found else None
