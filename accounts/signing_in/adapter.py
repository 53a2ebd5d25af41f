"""How signing in works here: by e-mail and password, for people an administrator has made accounts for."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts.ldap.asking import DirectoryError
from accounts.signing_in.single_sign_on import NotAdmittedError
from app.web.saying import said


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """allauth with the sign-up closed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Whom a directory knows and Parley does not let in is told why; so is everybody while it does not answer."""
        try:
            user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        except NotAdmittedError as error:
            raise ValidationError(said(error.message)) from error
        except DirectoryError as error:  # what is wrong with it is for whoever keeps it, and in the log
            raise ValidationError(_("Your organisation's directory does not answer. Try again in a moment.")) from error
        return user

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse | None:
        """An account that acts for a program signs in by no way at all."""
        if getattr(user, "is_service", False):
            return redirect("account_inactive")
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response
