"""The table of a source's documents: what is asked of it (state, words, order, page) and the rows that answer.

Everything asked stands in the address of the page, so that it can be sent to somebody, and gone back to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_noop as _

from accounts.models import User
from app.web.paging import Order, Page, ordered
from knowledge import queries
from knowledge.models import Document, Source, Version

ROWS = 50
LONGEST_WORDS = 200
_State = Document.State
# What the filters are called in addresses -> what people read, and the states it means.
FILTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": (_("All"), tuple(_State.values)),
    "published": (_("Published"), (_State.PUBLISHED,)),
    "waiting": (_("Being read"), (_State.QUEUED, _State.PROCESSING)),
    "held": (_("Held"), (_State.HELD,)),
    "refused": (_("Not taken"), (_State.REJECTED,)),
    "withdrawn": (_("Withdrawn"), (_State.WITHDRAWN,)),
}
# What the orders are called in addresses -> what people read.
ORDERS = {"": _("Newest first"), "changed": _("Changed last"), "title": _("By title"), "passages": _("Most passages")}
_ORDERS = {
    "": Order("created_at", descending=True),
    "changed": Order("updated_at", descending=True),
    "title": Order("sort_title", kind=str),
    "passages": Order("sort_passages", descending=True, kind=int),
}


@dataclass(frozen=True)
class Wanted:
    """What is asked of the table. Empty strings are what one sees first."""

    state: str = ""
    words: str = ""
    order: str = ""
    cursor: str = ""

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Wanted:
        """From an address's parameters; what is not known there counts as not said."""
        state, order = str(parameters.get("state", "")), str(parameters.get("sort", ""))
        words = " ".join(str(parameters.get("q", "")).replace("\0", " ").split())[:LONGEST_WORDS]
        return cls(
            state=state if state in FILTERS else "",
            words=words,
            order=order if order in ORDERS else "",
            cursor=str(parameters.get("cursor", "")),
        )

    @property
    def query(self) -> str:
        """As an address's parameters, with the question mark; "" when nothing is said."""
        said = {"state": self.state, "q": self.words, "sort": self.order, "cursor": self.cursor}
        text = urlencode({name: value for name, value in said.items() if value})
        return f"?{text}" if text else ""

    def but(self, **changes: str) -> Wanted:
        """The same with ``changes``, from its first page on."""
        return replace(self, **{"cursor": "", **changes})


def page_of(source: Source, user: User, wanted: Wanted, *, keeps: bool) -> Page[Document]:
    """A page of the documents that this person may see, each with ``current``: a list of at most one version."""
    rows = queries.documents_of(source, user)
    if keeps:  # every document, whoever may read it
        in_force = Version.objects.in_force().defer("text", "pages", "signature", "report")
        rows = source.documents.prefetch_related(Prefetch("versions", queryset=in_force, to_attr="current"))
        rows = rows.filter(state__in=FILTERS[wanted.state][1]) if wanted.state else rows
    if wanted.words:
        rows = rows.filter(Q(title__icontains=wanted.words) | Q(key__icontains=wanted.words))
    order = _ORDERS[wanted.order]
    return ordered(_with_value(rows, order.by), order, limit=ROWS, cursor=wanted.cursor)


def count_by_filter(source: Source) -> dict[str, int]:
    """How many documents each filter shows, without regard to words."""
    by_state = dict(source.documents.order_by().values_list("state").annotate(count=Count("pk")))
    return {name: sum(by_state.get(state, 0) for state in states) for name, (_, states) in FILTERS.items()}


def _with_value(rows: QuerySet[Document], by: str) -> QuerySet[Document]:
    if by == "sort_title":
        return rows.annotate(sort_title=Lower("title"))
    if by == "sort_passages":
        counts = Version.objects.in_force().filter(document=OuterRef("pk")).values("passage_count")
        return rows.annotate(sort_passages=Coalesce(Subquery(counts, output_field=IntegerField()), 0))
    return rows
