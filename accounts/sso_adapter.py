"""What allauth asks about signing in through a provider: which there are, and who comes from them."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from accounts import audit
from accounts.models import User
from accounts.providers import OIDC, SignInProvider, find_provider, providers
from accounts.single_sign_on import NotAdmittedError, admit, read_told

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
        sociallogin.account = SocialAccount.objects.get(provider=account.provider, uid=account.uid)
        # What was told is of use at this moment only, and is not kept.
        SocialAccount.objects.filter(pk=sociallogin.account.pk).update(extra_data={})
        sociallogin.user = user

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
        mapping = {"email": provider.email_claim, "email_verified": "email_verified"}
        app.settings = {
            "idp": provider.idp,
            "sp": provider.sp,
            "attribute_mapping": mapping,
            "advanced": {"want_assertion_signed": True} | provider.advanced | {"strict": True},
        }
    return app


def _claims_of(account: SocialAccount) -> dict[str, Any]:
    """What the provider said: OpenID Connect's user info over its token, SAML's attributes as they are."""
    said = account.extra_data
    return {**said.get("id_token", {}), **said["userinfo"]} if "userinfo" in said else said.get("id_token", said)


def _known(account: SocialAccount) -> User | None:
    found = SocialAccount.objects.filter(provider=account.provider, uid=account.uid).select_related("user").first()
    return found.user if found else None
