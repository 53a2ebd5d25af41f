"""Signing in with the organisation's password: the directory says whether it is right, Parley who that is here.

It is a way of the sign-in form, so throttling, the second step, the audit log and refusals are the form's. A password
kept here is tried first: whoever keeps the house gets in while the directory is away.
"""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from accounts.ldap.asking import Entry, check_password
from accounts.ldap.directories import LdapDirectory, directories
from accounts.models import User
from accounts.signing_in.single_sign_on import Told, admit


class LdapBackend(ModelBackend):
    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, email: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """Raises NotAdmittedError for who is right there and not let in here, DirectoryError where none answers."""
        if not email or not password or len(email) > 254:
            return None
        for directory in directories():
            if directory.speaks_for(email):
                entry = check_password(directory, email, password)
                if entry is not None:
                    return self._let_in(directory, entry)
        return None

    def _let_in(self, directory: LdapDirectory, entry: Entry) -> User | None:
        user = admit_entry(directory, entry)
        if self.user_can_authenticate(user):
            return user
        # The form then says that the account is suspended, as it does after a right password of ours.
        AuthenticationBackend._stash_user(user)
        return None


def admit_entry(directory: LdapDirectory, entry: Entry) -> User:
    """Who this is here, with groups and roles as the directory says now."""
    known = SocialAccount.objects.filter(provider=directory.link, uid=entry.uid).select_related("user").first()
    told = Told(uid=entry.uid, email=entry.email, is_verified=True, name=entry.name, words=entry.words)
    return admit(provider=directory.as_provider, told=told, known=known.user if known else None)
