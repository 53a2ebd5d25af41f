"""Every page of the admin site belongs to a right, and records what it changes."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse

from accounts.admin import AuditedAdmin
from accounts.models import User
from accounts.rights import can
from tests import factories
from tests.conftest import SignIn


def test_every_model_is_administered_through_the_audited_base() -> None:
    plain = [model.__name__ for model, site in admin.site._registry.items() if not isinstance(site, AuditedAdmin)]
    assert plain == []


def test_only_who_has_the_right_sees_a_list(
    ada: User, alice: User, olivia: User, dana: User, aaron: User, signed_in: SignIn
) -> None:
    # Staff without any role: what lets them onto the site must not let them see anything in it.
    clerk = factories.make_user("clerk", is_staff=True, is_superuser=True)
    clients = {person.email: signed_in(person) for person in (ada, clerk, alice, olivia, dana, aaron)}
    for model, site in admin.site._registry.items():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        codes = {email: client.get(address).status_code for email, client in clients.items()}
        capability = site.capability  # type: ignore[attr-defined]
        assert codes.pop(ada.email) == (200 if can(ada, capability) else 403), address
        assert codes.pop(clerk.email) == 403, address
        assert set(codes.values()) == {302}, address
