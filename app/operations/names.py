"""Names for what the ledger knows by id alone, and what limits can be for: only the roof knows assistants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.utils.translation import gettext, gettext_noop

from accounts.limits.limits import Terms
from accounts.limits.usage import Line
from accounts.models import Limit, User
from app.errors import BadInputError
from chat.models import Assistant

# What counts in the ledger without an assistant or a key, in words.
NONE = {
    "assistant": gettext_noop("Searches and embeddings"),
    "key": gettext_noop("In the browser"),
    "user": gettext_noop("People who are gone"),
    "model": gettext_noop("None"),
}


def named(by: str, lines: Sequence[Line]) -> list[Line]:
    """The lines with a name on each."""
    names: dict[UUID, str] = {}
    if by == "assistant":
        names = dict(Assistant.objects.filter(pk__in=[line.key for line in lines]).values_list("pk", "name"))
    return [
        replace(line, name=names.get(line.key) or line.name or (gettext(NONE[by]) if by in NONE else ""))
        for line in lines
    ]


def with_subject_named(terms: Terms, *, who: str = "") -> Terms:
    """The terms with the assistant's name, and with the person whose e-mail address ``who`` is.

    Raises BadInputError when there is no such assistant or person.
    """
    if terms.subject == Limit.Subject.ASSISTANT:
        assistant = Assistant.objects.filter(pk=terms.subject_id).first() if terms.subject_id else None
        if assistant is None:
            raise BadInputError("There is no such assistant.")
        return replace(terms, subject_name=assistant.name)
    if terms.subject == Limit.Subject.PERSON and who:
        person = User.objects.filter(email__iexact=who.strip()).first()
        if person is None:
            raise BadInputError(f"There is nobody with the address {who}.")
        return replace(terms, subject_id=person.pk)
    return terms
