"""How signing in works here: by e-mail and password, for people an administrator has made accounts for."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth with the sign-up closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
