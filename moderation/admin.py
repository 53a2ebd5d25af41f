"""The admin site's pages of moderation: policies change through their verb, cases and decisions are only looked at."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.forms.models import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin import AuditedAdmin, ReadOnlyAdmin
from accounts.callers import reader
from accounts.models import Group
from moderation.errors import PolicyError
from moderation.models import Case, Decision, Policy, PolicyVersion
from moderation.policies.writing import check_reviewers, choose_reviewers, create_policy, save_rules
from moderation.screening.rules import read_rules


class PolicyForm(ModelForm):  # type: ignore[type-arg]
    """A policy with the rules of its current version, as JSON."""

    rules = forms.JSONField(widget=forms.Textarea(attrs={"rows": 24, "cols": 100}), initial=list, required=False)
    on_failure = forms.ChoiceField(choices=[("hold", "hold"), ("block", "block")], label=_("When a check fails"))
    reviewers = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"),
        required=False,
        label=_("Reviewed by"),
        help_text=_("The moderators of these groups alone see and decide its cases. None chosen: every moderator."),
    )

    class Meta:
        model = Policy
        fields = ("slug", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.current:
            self.initial["rules"] = self.instance.current.rules
            self.initial["on_failure"] = self.instance.current.on_failure
            self.initial["reviewers"] = self.instance.reviewers.all()

    def clean_rules(self) -> Any:
        rules = self.cleaned_data["rules"] or []
        try:
            read_rules(rules)
        except PolicyError as error:
            raise forms.ValidationError(error.message) from error
        return rules

    def clean_reviewers(self) -> Any:
        groups = list(self.cleaned_data["reviewers"])
        try:
            check_reviewers(groups)
        except PolicyError as error:
            raise forms.ValidationError(error.message) from error
        return groups


@admin.register(Policy)
class PolicyAdmin(AuditedAdmin):
    capability = "moderation.edit_policy"
    form = PolicyForm
    list_display = ("name", "slug", "current")
    list_select_related = ("current__policy",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        wording = {"rules": form.cleaned_data["rules"], "on_failure": form.cleaned_data["on_failure"]}
        if change:
            super().save_model(request, obj, form, change)
            save_rules(reader(request), policy=obj, **wording)
        else:
            made = create_policy(reader(request), slug=obj.slug, name=obj.name, **wording)
            obj.pk, obj.current = made.pk, made.current
            obj._state.adding = False
        choose_reviewers(reader(request), policy=obj, groups=form.cleaned_data["reviewers"])


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdmin):
    capability = "moderation.edit_policy"
    list_display = ("policy", "number", "created_by", "created_at")
    list_select_related = ("policy", "created_by")


@admin.register(Case)
class CaseAdmin(ReadOnlyAdmin):
    capability = "moderation.review"
    list_display = ("rule", "state", "reviewer", "opened_at", "due_at", "final_at")
    list_select_related = ("reviewer",)
    list_filter = ("state",)
    exclude = ("subject",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        return Case.objects.visible_to(reader(request))


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    capability = "moderation.review"
    list_display = ("case", "action", "reviewer", "decided_at")
    list_select_related = ("case", "reviewer")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return Decision.objects.filter(case__in=Case.objects.visible_to(reader(request)))
