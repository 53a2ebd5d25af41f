"""The admin site's pages for people, groups and keys; and the base whose every change is in the audit log."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account import admin as addresses
from allauth.account.decorators import secure_admin_login
from allauth.mfa import admin as second_steps
from allauth.socialaccount import admin as connections
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group as PermissionGroup
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import audit
from accounts.callers import reader
from accounts.models import ApiKey, Group, Role, User
from accounts.people.people import reinstate_person, suspend_person, tell_access_ended
from accounts.programs.keys import revoke_key
from accounts.rights import Capability, can
from accounts.roles import capabilities_of, check_may_give, keep_an_administrator, role_names
from accounts.signing_in.second_step import reset_second_step

# One way to sign in, with its limits and its record; the admin site's own form would be a second one without.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

# What Parley does not use, and nobody would find in the audit log: Django's permissions, allauth's further addresses;
# and what nobody but its owner or the environment may change: second steps, the accounts and settings of providers.
admin.site.unregister([PermissionGroup, addresses.EmailAddress, second_steps.Authenticator])
admin.site.unregister([connections.SocialAccount, connections.SocialApp, connections.SocialToken])


class AuditedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Open to whom ``rights`` lets do ``capability``; records every change in the change's own transaction."""

    capability: ClassVar[Capability] = "accounts.administer"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return can(_person(request), self.capability)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return can(_person(request), self.capability)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        action = f"admin.{'change' if change else 'create'}_{obj._meta.model_name}"
        audit.record(actor=reader(request), action=action, obj=obj, payload={"fields": form.changed_data})

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        label = audit.label(obj)
        super().delete_model(request, obj)
        audit.record(actor=reader(request), action=f"admin.delete_{obj._meta.model_name}", obj=label)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            for obj in queryset:
                self.delete_model(request, obj)


class ReadOnlyAdmin(AuditedAdmin):
    """To look at, for what only verbs may change."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class RolesField(forms.MultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        choices = lambda: list(role_names().items())  # noqa: E731 - asked anew for every form
        super().__init__(choices=choices, widget=forms.CheckboxSelectMultiple, required=False)


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    roles = RolesField()

    class Meta:
        model = User
        fields = ("email", "name", "roles")


class NewPersonForm(AdminUserCreationForm):  # type: ignore[type-arg]
    roles = RolesField()

    class Meta:
        model = User
        fields = ("email", "name", "roles")


@admin.register(User)
class PersonAdmin(AuditedAdmin, UserAdmin):  # type: ignore[type-arg]
    """People are suspended, never deleted: what they did must stay attributable."""

    form = PersonForm
    add_form = NewPersonForm
    list_display = ("email", "name", "roles", "is_active")
    list_filter = ("is_active",)
    search_fields = ("email", "name")
    ordering = ("email",)
    filter_horizontal = ()
    readonly_fields = ("is_active", "last_login", "created_at")
    fieldsets = ((None, {"fields": ("email", "name", "roles", "is_active", "last_login", "created_at")}),)
    add_fieldsets = ((None, {"fields": ("email", "name", "roles", "usable_password", "password1", "password2")}),)
    actions = ("suspend", "reinstate", "take_off_second_step")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: models.Model, form: Any, change: bool) -> None:
        if isinstance(obj, User):
            before = User.objects.filter(pk=obj.pk).first()
            check_may_give(reader(request), capabilities_of({*obj.roles, *(before.roles if before else [])}))
            if before and Role.ADMIN in before.roles and Role.ADMIN not in obj.roles:
                keep_an_administrator(before)
            obj.is_staff = Role.ADMIN in obj.roles
            tell_access_ended(obj)
        super().save_model(request, obj, form, change)

    @admin.action(description=_("Suspend selected people"))
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            suspend_person(actor=reader(request), user=user)

    @admin.action(description=_("Reinstate selected people"))
    def reinstate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            reinstate_person(actor=reader(request), user=user)

    @admin.action(description=_("Take the second step off selected people, who have lost it"))
    def take_off_second_step(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            reset_second_step(actor=reader(request), user=user)


@admin.register(Group)
class GroupAdmin(AuditedAdmin):
    list_display = ("name", "created_at")
    search_fields = ("name",)
    fields = ("name", "members", "external_id")
    filter_horizontal = ("members",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A group that a directory fills is filled there."""
        return ("external_id", "members") if obj and obj.external_id else ("external_id",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys are made by the person they act for; an administrator can only end them."""

    list_display = ("name", "hint", "user", "created_at", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__email")
    actions = ("revoke",)

    @admin.action(description=_("Revoke selected keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset.select_related("user"):
            revoke_key(actor=reader(request), key=key)
