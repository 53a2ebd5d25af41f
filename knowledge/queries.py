"""What the knowledge pages and interfaces read, each in a fixed number of statements."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from accounts.models import Group, User
from app.errors import BadInputError, NotFoundError
from knowledge.models import Document, Passage, Source, Sync, Version


def get_source_kept(user: User, source_id: UUID) -> Source:
    """A source this person keeps. Raises NotFoundError."""
    source = Source.objects.editable_by(user).filter(pk=source_id).first()
    if source is None:
        raise NotFoundError
    return source


def get_source(user: User, source_id: UUID) -> Source:
    """A source this person keeps or may read. Raises NotFoundError."""
    source = sources_of(user).filter(pk=source_id).first()
    if source is None:
        raise NotFoundError
    return source


def get_source_deleted(user: User, source_id: UUID) -> Source:
    """A deleted source that this person kept. Raises NotFoundError."""
    source = Source.objects.restorable_by(user).filter(pk=source_id).first()
    if source is None:
        raise NotFoundError
    return source


def get_keeper(email: str) -> User:
    """A content owner or administrator, by their address. Raises BadInputError."""
    keepers = User.objects.holding("knowledge.edit_source")
    person = keepers.filter(email__iexact=email).first()
    if person is None:
        raise BadInputError(f"There is no content owner called {email}.")
    return person


def get_document(user: User, document_id: UUID) -> Document:
    """A document this person may see, with its source. Raises NotFoundError."""
    document = Document.objects.visible_to(user).select_related("source").filter(pk=document_id).first()
    if document is None:
        raise NotFoundError
    return document


def get_document_kept(user: User, document_id: UUID) -> Document:
    """A document of a source this person keeps. Raises NotFoundError."""
    document = Document.objects.editable_by(user).select_related("source").filter(pk=document_id).first()
    if document is None:
        raise NotFoundError
    return document


def get_passage(user: User, passage_id: UUID, *, with_text: bool = True) -> Passage:
    """A passage this person may open, with its version, document and source. Raises NotFoundError.

    Without ``with_text`` the version's whole text stays in the database until it is asked for.
    """
    passages = Passage.objects.visible_to(user).select_related("version__document__source__owner")
    passage = (passages if with_text else passages.defer("version__text")).filter(pk=passage_id).first()
    if passage is None:
        raise NotFoundError
    return passage


def get_passage_kept(user: User, passage_id: UUID) -> Passage:
    """A passage of a source this person keeps, of whatever version. Raises NotFoundError."""
    kept = Passage.objects.filter(version__document__source__in=Source.objects.editable_by(user))
    passage = kept.select_related("version__document__source__owner", "disabled_by").filter(pk=passage_id).first()
    if passage is None:
        raise NotFoundError
    return passage


def get_sync(user: User, sync_id: UUID) -> Sync:
    """A run over a source this person keeps. Raises NotFoundError."""
    kept = Sync.objects.filter(source__in=Source.objects.editable_by(user), pk=sync_id)
    sync = kept.select_related("source").first()
    if sync is None:
        raise NotFoundError
    return sync


def sources_of(user: User) -> QuerySet[Source]:
    """Every source this person keeps or may read, with its groups and keeper."""
    ids = (
        Source.objects.visible_to(user)
        .order_by()
        .values("pk")
        .union(Source.objects.editable_by(user).order_by().values("pk"))
    )
    return Source.objects.filter(pk__in=ids).select_related("owner").prefetch_related("groups")


def counted(sources: QuerySet[Source]) -> QuerySet[Source]:
    """Sources with how many documents are found, wait and were refused, and when one last changed."""
    published = Q(documents__versions__published_at__isnull=False, documents__versions__withdrawn_at=None)
    waiting = Q(documents__state__in=[Document.State.QUEUED, Document.State.PROCESSING])
    return sources.annotate(
        published_count=Count("documents", filter=published, distinct=True),
        waiting_count=Count("documents", filter=waiting, distinct=True),
        held_count=Count("documents", filter=Q(documents__state=Document.State.HELD), distinct=True),
        rejected_count=Count("documents", filter=Q(documents__state=Document.State.REJECTED), distinct=True),
        changed_at=Max("documents__updated_at"),
    )


def documents_of(source: Source, user: User) -> QuerySet[Document]:
    """The documents of a source that this person may see, with ``current`` (a list of at most one
    version)."""
    in_force = Version.objects.in_force().defer("text")
    return (
        Document.objects.visible_to(user)
        .filter(source=source)
        .prefetch_related(Prefetch("versions", queryset=in_force, to_attr="current"))
    )


def groups_choosable_by(user: User) -> list[str]:
    return list(Group.objects.visible_to(user).values_list("name", flat=True))
