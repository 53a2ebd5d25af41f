"""What the sign-in page and the page about signing in need to know."""

from __future__ import annotations

from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User
from accounts.signing_in.providers import OIDC, providers
from accounts.signing_in.second_step import needs_second_step

register = template.Library()


@register.simple_tag(takes_context=True)
def ways_in(context: dict[str, Any]) -> list[dict[str, str]]:
    """The organisation's providers, each with its name and the address that leads there and back to ``next``."""
    request: HttpRequest = context["request"]
    after = request.GET.get("next") or request.POST.get("next")
    query = f"?{urlencode({'next': after})}" if after else ""
    found = []
    for provider in providers():
        if provider.kind == OIDC:
            address = reverse("openid_connect_login", kwargs={"provider_id": provider.id})
        else:
            address = reverse("saml_login", kwargs={"organization_slug": provider.id})
        found.append({"name": provider.name, "url": address + query})
    return found


@register.filter
def must_have_second_step(user: User) -> bool:
    return needs_second_step(user)
