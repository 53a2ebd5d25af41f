"""The fields of a form for a connector's settings, made from what its settings schema says of each."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from django import forms
from django.utils.translation import gettext as _
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from knowledge.quality.lines import CHECKS, Check

PREFIX = "config_"
LINE_PREFIX = "line_"
NEVER, SERIOUS, ALWAYS = "never", "0.8", "0"


class Lines(forms.CharField):
    """Some texts, one a line; an empty line is none."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return [line.strip() for line in (super().clean(value) or "").splitlines() if line.strip()]


def setting_fields(schema: type[BaseModel]) -> dict[str, forms.Field]:
    """A form field for each setting, by its name in the form."""
    return {f"{PREFIX}{name}": _field(name, about) for name, about in schema.model_fields.items()}


def initial_settings(schema: type[BaseModel], config: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields hold at first: what is set, else each setting's own default."""
    found: dict[str, Any] = {}
    for name, about in schema.model_fields.items():
        if name in config:
            found[f"{PREFIX}{name}"] = config[name]
        elif not about.is_required():
            found[f"{PREFIX}{name}"] = about.get_default(call_default_factory=True)
    return found


def settings_in(schema: type[BaseModel], cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a cleaned form, whole: what was left empty has its default, where it has one."""
    found: dict[str, Any] = {}
    for name, about in schema.model_fields.items():
        value = cleaned.get(f"{PREFIX}{name}")
        if value not in (None, ""):
            found[name] = value
        elif not about.is_required():
            found[name] = about.get_default(call_default_factory=True)
    return found


def line_fields(lines: Mapping[str, float | None]) -> dict[str, forms.Field]:
    """A choice for each quality check: from when on its findings hold a document of this source."""
    return {f"{LINE_PREFIX}{name}": _line_field(name, check, lines) for name, check in CHECKS.items()}


def lines_in(cleaned: Mapping[str, Any]) -> dict[str, float | None]:
    """``Source.quality_lines`` as a cleaned form says them."""
    chosen = {name: cleaned.get(f"{LINE_PREFIX}{name}", "") for name in CHECKS}
    return {name: None if line == NEVER else float(line) for name, line in chosen.items() if line}


def initial_lines(lines: Mapping[str, float | None]) -> dict[str, str]:
    return {f"{LINE_PREFIX}{name}": _line_value(line) for name, line in lines.items()}


def _line_field(name: str, check: Check, lines: Mapping[str, float | None]) -> forms.Field:
    usual = _("As usual: only in its report") if check.line is None else _("As usual: holds it when serious")
    choices = [("", usual), (NEVER, _("Never holds it")), (SERIOUS, _("Holds it when serious"))]
    choices.append((ALWAYS, _("Holds it whenever found")))
    value = _line_value(lines[name]) if name in lines else ""
    if value not in dict(choices):
        choices.append((value, _("Holds it from severity %(value)s on") % {"value": value}))
    return forms.ChoiceField(label=_(check.label), help_text=_(check.summary), choices=choices, required=False)


def _line_value(line: float | None) -> str:
    return NEVER if line is None else f"{line:g}"


def _field(name: str, about: FieldInfo) -> forms.Field:
    kind, is_optional = _plain_type(about.annotation)
    words: dict[str, Any] = {
        "label": _(about.title) if about.title else name.replace("_", " ").capitalize(),
        "help_text": _(about.description) if about.description else "",
        "required": about.is_required() and not is_optional,
    }
    if get_origin(kind) is Literal:
        return forms.ChoiceField(choices=[(value, str(value).capitalize()) for value in get_args(kind)], **words)
    if get_origin(kind) is list:
        return Lines(**words)
    if kind is bool:
        return forms.BooleanField(**{**words, "required": False})
    if kind in (int, float):
        return (forms.IntegerField if kind is int else forms.FloatField)(**words)
    return forms.CharField(max_length=2000, **words)


def _plain_type(annotation: Any) -> tuple[Any, bool]:
    """The type without ``None`` and without what only pydantic reads, and whether it may be ``None``."""
    if get_origin(annotation) in (Union, UnionType):
        left = [one for one in get_args(annotation) if one is not NoneType]
        return _plain_type(left[0])[0], len(left) < len(get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return _plain_type(get_args(annotation)[0])
    return annotation, False
