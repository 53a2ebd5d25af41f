"""Who can see a document, and why; and why somebody cannot.

What is true is asked of the same querysets that every search and page goes through (``Source.objects.visible_to`` and
its kind); here it is put into words. Reasons stand in the order in which they have to be removed. Looking somebody up
is written to the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.models import Group, User
from accounts.rights import can
from app.errors import NotFoundError
from app.web.saying import said
from knowledge.models import Document, Passage, Source, Version

SHOWN_MEMBERS = 100
SHOWN_PEOPLE = 20


@dataclass(frozen=True)
class Way:
    """One reason why people may read: ``kind`` is ``everyone``, ``group`` or ``owner``.

    ``people`` are the first hundred by name, suspended ones included; ``count`` is how many of all are not suspended.
    """

    kind: str
    name: str
    people: list[User]
    count: int
    suspended_count: int

    @property
    def unnamed_count(self) -> int:
        """How many there are besides the first two."""
        return self.count + self.suspended_count - 2

    @property
    def is_cut(self) -> bool:
        return self.count + self.suspended_count > len(self.people)


@dataclass(frozen=True)
class Keeper:
    """Somebody who keeps the source: changes what is in it, and ``reads`` it only if they are among its readers."""

    person: User
    reads: bool


@dataclass(frozen=True)
class Reason:
    """Why something is not seen, and what can be done about it, in words; ``kind`` for programs."""

    kind: str
    text: str
    remedy: str


@dataclass(frozen=True)
class Readers:
    """Everybody who may read a document's source. ``count`` people can, when nothing in ``reasons`` stops them all."""

    ways: list[Way]
    keepers: list[Keeper]
    count: int
    reasons: list[Reason]


@dataclass(frozen=True)
class Verdict:
    """What a document is to one person.

    ``finds``: their searches and answers can rest on it. ``opens``: they can open what was cited of it. ``keeps``: they
    see it among the documents of its source, and can change it. ``because`` names what lets them read.
    """

    person: User
    finds: bool
    opens: bool
    keeps: bool
    because: list[str]
    reasons: list[Reason]


def get_explainable(user: User, document_id: UUID) -> Document:
    """A document whose readers this person may be told: of a source they keep, or any for an auditor.

    Raises NotFoundError.
    """
    documents = Document.objects.all() if can(user, "audit.read") else Document.objects.editable_by(user)
    document = documents.select_related("source__owner").filter(pk=document_id).first()
    if document is None:
        raise NotFoundError
    return document


def readers_of(document: Document) -> Readers:
    """Everybody who may read it, by the reason why, and those who keep it."""
    source = document.source
    reading = Q(pk=source.owner_id) | Q(groups_reached__sources=source)
    readers = User.objects.filter(is_active=True).filter(Q() if source.is_for_everyone else reading)
    keeping = Q(pk__in=User.objects.holding("knowledge.keep_every_source").values("pk"))
    keeping |= Q(pk=source.owner_id, pk__in=User.objects.holding("knowledge.edit_source").values("pk"))
    keepers = User.objects.filter(keeping).order_by("name", "email")[:SHOWN_MEMBERS]
    reads = set(readers.filter(pk__in=[one.pk for one in keepers]).values_list("pk", flat=True))
    return Readers(
        ways=list(_ways(source)),
        keepers=[Keeper(one, one.pk in reads) for one in keepers],
        count=readers.values("pk").distinct().count(),
        reasons=list(_reasons_of_document(document, None)),
    )


def find_people(user: User, text: str) -> list[User]:
    """People ``user`` may look up whose name or address holds ``text``; anybody by their exact address.

    An administrator and an auditor see everybody, an owner the members of the groups that read their sources.
    """
    text = text.strip().replace("\x00", "")[:254]
    if not text:
        return []
    exact = User.objects.filter(email__iexact=text).first()
    if exact is not None:
        return [exact]
    people = User.objects.all()
    if not (can(user, "accounts.administer") or can(user, "audit.read")):
        kept = Source.objects.editable_by(user).order_by()
        people = people.filter(Q(pk=user.pk) | Q(groups_reached__in=Group.objects.filter(sources__in=kept)))
    people = people.filter(Q(name__icontains=text) | Q(email__icontains=text))
    return list(people.distinct().order_by("name", "email")[:SHOWN_PEOPLE])


def explain_access(*, actor: User, document: Document, person: User, passage: Passage | None = None) -> Verdict:
    """What ``document`` is to ``person``, or one passage of it, and why. Audited: it is a look at somebody's rights."""
    get_explainable(actor, document.pk)
    source = document.source
    theirs = Passage.objects.visible_to(person)
    opens = _of(theirs, document, passage).exists()
    finds = _found(theirs, document, passage).exists() and can(person, "knowledge.search")
    reasons = [] if finds else list(_reasons(document, person, passage))
    verdict = Verdict(
        person=person,
        finds=finds,
        opens=opens,
        keeps=Source.objects.editable_by(person).filter(pk=source.pk).exists(),
        because=list(_because(source, person)),
        reasons=reasons,
    )
    with transaction.atomic():
        payload = {"person": str(person.pk), "finds": finds}
        record(actor=actor, action="document.explain_access", obj=document, payload=payload)
    return verdict


def _of(passages: QuerySet[Passage], document: Document, passage: Passage | None) -> QuerySet[Passage]:
    passages = passages.filter(version__document=document)
    return passages.filter(pk=passage.pk) if passage else passages


def _found(passages: QuerySet[Passage], document: Document, passage: Passage | None) -> QuerySet[Passage]:
    """Those that searches go through."""
    in_force = Version.objects.in_force().filter(document=document)
    return _of(passages, document, passage).filter(version__in=in_force, disabled_at=None)


def _ways(source: Source) -> Iterator[Way]:
    """In a fixed number of statements, however many groups there are."""
    if source.is_for_everyone:
        everyone = User.objects.aggregate(active=Count("pk", filter=Q(is_active=True)), every=Count("pk"))
        yield Way("everyone", _("Everyone"), [], everyone["active"], everyone["every"] - everyone["active"])
    is_active = source.owner.is_active
    yield Way("owner", str(source.owner), [source.owner], int(is_active), int(not is_active))
    shown = Prefetch("everybody", User.objects.order_by("-is_active", "name", "email")[:SHOWN_MEMBERS], to_attr="shown")
    active = Count("everybody", filter=Q(everybody__is_active=True), distinct=True)
    groups: Iterable[Any] = source.groups.annotate(
        active=active, every=Count("everybody", distinct=True)
    ).prefetch_related(shown)
    for group in groups:
        yield Way("group", group.name, group.shown, group.active, group.every - group.active)


def _because(source: Source, person: User) -> Iterator[str]:
    """What lets this person read the source, as far as their account and the source are in force."""
    if source.deleted_at or not person.is_active:
        return
    if source.is_for_everyone:
        yield _("Everyone may read this source.")
    if source.owner_id == person.pk:
        yield _("They own this source.")
    for group in source.groups.filter(everybody=person):
        yield _("They are in the group %(group)s.") % {"group": group.name}


def _reasons(document: Document, person: User, passage: Passage | None) -> Iterator[Reason]:
    if not person.is_active:
        yield Reason(
            "suspended",
            _("%(person)s is suspended, and whoever is suspended reads nothing.") % {"person": person},
            _("An administrator can open the account again."),
        )
    if not (can(person, "knowledge.search") or not person.is_active):
        yield Reason(
            "no_role",
            _("%(person)s has no role that searches or asks.") % {"person": person},
            _("An administrator can give them the role Employee."),
        )
    by_document = list(_reasons_of_document(document, passage))
    yield from (reason for reason in by_document if reason.kind == "source_deleted")
    source = document.source
    is_reader = (
        source.is_for_everyone or source.owner_id == person.pk or source.groups.filter(everybody=person).exists()
    )
    if not is_reader:
        yield _not_a_reader(source, person)
    yield from (reason for reason in by_document if reason.kind != "source_deleted")


def _not_a_reader(source: Source, person: User) -> Reason:
    names = list(source.groups.values_list("name", flat=True))
    if not names:
        text = _("%(source)s is shared with no group: only %(owner)s reads it.") % {
            "source": source,
            "owner": source.owner,
        }
        return Reason("no_group", text, _("Whoever keeps the source can share it with a group, or with everyone."))
    text = _("%(person)s is not in %(group)s.") % {"person": person, "group": names[0]}
    if len(names) > 1:
        text = _("%(person)s is in none of these groups: %(groups)s.") % {"person": person, "groups": ", ".join(names)}
    return Reason(
        "no_group",
        text,
        _("Add them to %(groups)s: an administrator can. Or share the source with a group they are in: %(owner)s can.")
        % {"groups": _(" or ").join(names), "owner": source.owner},
    )


def _reasons_of_document(document: Document, passage: Passage | None) -> Iterator[Reason]:
    """What keeps a document, or one passage of it, from everybody."""
    source = document.source
    if source.deleted_at:
        yield Reason(
            "source_deleted",
            _("The source %(source)s was deleted on %(day)s.")
            % {"source": source, "day": date_format(source.deleted_at, "j F Y")},
            _("Make a new source and bring the document in again."),
        )
    if not document.versions.in_force().exists():
        yield _not_in_force(document)
    elif passage is not None and passage.version.withdrawn_at:
        yield Reason(
            "replaced",
            _("The passage is of a version that was replaced."),
            _("What was cited of it opens still. New answers rest on the version in force."),
        )
    if passage is not None and passage.disabled_at:
        yield Reason(
            "passage_disabled",
            _("The passage was taken out of answers: %(reason)s") % {"reason": passage.disabled_reason},
            _("Whoever keeps the source can put it back."),
        )
    elif document.versions.in_force().exists() and not _found(Passage.objects.all(), document, None).exists():
        yield Reason(
            "passage_disabled",
            _("Every passage of it was taken out of answers."),
            _("Whoever keeps the source can put them back, one by one."),
        )


def _not_in_force(document: Document) -> Reason:
    state, why = document.state, {"why": f": {said(document.reason)}" if document.reason else "."}
    if state == Document.State.WITHDRAWN:
        return Reason(
            "withdrawn",
            _("The document was withdrawn. What was cited of it opens still, and says so."),
            _("Whoever keeps the source can bring it back."),
        )
    if state == Document.State.HELD:
        return Reason(
            "not_published", _("The document is held%(why)s") % why, _("Whoever keeps the source can release it.")
        )
    if state == Document.State.REJECTED:
        return Reason(
            "not_published", _("The document was not taken%(why)s") % why, _("Bring in a file that can be read.")
        )
    return Reason("not_published", _("The document has not been read yet."), _("It will be, in a moment."))
