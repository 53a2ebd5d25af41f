"""Which item is which document: what is unchanged, new, changed, the same bytes at another place, moved, or gone.

An item whose fingerprint is known is not fetched. A new place of known bytes is a copy while the document is still
where it was, and where the document went when it is not; which of the two is known only at the end of the listing, so
such items wait for it. Nothing that has not changed causes a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from uuid import UUID

from accounts.models import User
from knowledge.connectors.base import Connector, Item, ItemError
from knowledge.errors import TooLargeError
from knowledge.extraction.formats import format_of
from knowledge.extraction.types import ExtractionError
from knowledge.files import Draft, StoredFile, stored_already
from knowledge.models import Copy, Document, Sync
from knowledge.syncs.known import Known, KnownDocument, Verdict
from knowledge.syncs.running import fenced
from knowledge.syncs.tallying import Change, Seen, Tally
from knowledge.syncs.working import Job, Processing
from knowledge.taking import Arrival, bring_back, kept_fingerprint, move, take, withdraw

LONGEST_KEY = 500
SUSPICIOUS = 10
_TOGETHER = 50
T = TypeVar("T")


class Content(Protocol):
    """An item's bytes: a draft of them, or the ones that are kept already."""

    @property
    def sha256(self) -> str: ...

    def keep(self) -> StoredFile: ...


@dataclass(frozen=True)
class KeptContent:
    sha256: str

    def keep(self) -> StoredFile:
        return stored_already(self.sha256)


@dataclass
class Matching:
    """One run over a source. ``is_by_hand``: brought from elsewhere, so that nothing of the source is missed."""

    sync: Sync
    connector: Connector
    tally: Tally
    processing: Processing
    actor: User | str
    is_by_hand: bool = False

    _undecided: list[tuple[Item, Content]] = field(default_factory=list)
    _moves: list[tuple[KnownDocument, Item]] = field(default_factory=list)
    _copied: list[Copy] = field(default_factory=list)
    _copied_items: dict[str, Item] = field(default_factory=dict)
    _displaced: set[UUID] = field(default_factory=set)
    _refreshed: list[Document] = field(default_factory=list)
    _seen_again: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = Known.of(self.sync.source)
        self._count_before = sum(one.can_be_missed for one in self.known.by_key.values())
        self._renamed_before = {rename["to"] for rename in self.sync.renames}
        self.tally.removed = Document.objects.filter(withdrawn_in=self.sync, state=Document.State.WITHDRAWN).count()

    def look_at(self, item: Item) -> None:
        """Compare one item with what is known, fetching it when only its bytes can tell.

        Raises SourceUnreachableError, SupersededError.
        """
        copy, document = self.known.copies.get(item.key), self.known.by_key.get(item.key)
        known = copy or document
        try:
            _check(item)
            if known and item.fingerprint and item.fingerprint == known.fingerprint:
                self._place(item, KeptContent(copy.sha256 if copy else document.newest if document else ""))
                return
            with Draft(self.connector.read(item)) as draft:
                self._place(item, draft)
        except (ItemError, ExtractionError) as error:
            self._failed(item, error.reason)
        except TooLargeError as error:
            self._failed(item, error.message)

    def settle(self) -> None:
        """After the last item: decide what waited, and what is gone. Raises SupersededError."""
        self._write_copies()
        # New places first: where a document moved to must be known before another counts as its copy.
        for item, content in sorted(self._undecided, key=lambda one: one[0].key in self.known.by_key):
            self._decide(item, content)
        if self._sees_all:
            self._follow_copies()
        self._part_copies()
        self._write_moves()
        self._write_copies()
        self._miss()
        self._refresh()

    @property
    def _sees_all(self) -> bool:
        return self.connector.is_complete and not self.is_by_hand

    def _failed(self, item: Item, reason: str) -> None:
        """It is there, and cannot be read: what it said before stays."""
        if copy := self.known.copies.get(item.key):
            copy.is_here = True
            self._copied_items[item.key] = item
        elif document := self.known.by_key.get(item.key):
            document.is_here = True
        self.tally.add(Seen(item.key, Change.FAILED, reason))

    def _place(self, item: Item, content: Content) -> None:
        copy = self.known.copies.get(item.key)
        if copy and copy.sha256 == content.sha256:
            copy.is_here = True
            self._copied_items[item.key] = item
            self.tally.add(Seen(item.key, Change.UNCHANGED))
            return
        if copy:
            self._forget_copy(item.key)
        document = self.known.by_key.get(item.key)
        if document:
            self._compare(item, content, document)
        else:
            self._enter(item, content)

    def _compare(self, item: Item, content: Content, document: KnownDocument) -> None:
        """An item at a document's own key."""
        verdict = document.judge(content.sha256)
        if verdict == Verdict.NEWS:
            holder = self.known.holder_of(content.sha256, item.file_name)
            if holder and holder is not document:
                self._undecided.append((item, KeptContent(content.keep().sha256)))
            else:
                self._take(item, content)
            return
        document.is_here = True
        if verdict == Verdict.FAILED:
            self.tally.add(Seen(item.key, Change.FAILED, document.reason))
        elif verdict == Verdict.RETURNED:
            self._bring_back(document)
            self._count(document, item, Change.ADDED)
        else:
            self._note_signs(document, item)
            self._count(document, item, self._change_before(document))

    def _enter(self, item: Item, content: Content) -> None:
        """An item at a key that no document has."""
        holder = self.known.holder_of(content.sha256, item.file_name)
        if holder is None:
            self._take(item, content)
        elif holder.is_here or holder.is_uploaded or holder.is_kept:
            self._copy(item, content, holder)
        else:
            self._undecided.append((item, KeptContent(content.keep().sha256)))

    def _decide(self, item: Item, content: Content) -> None:
        holder, document = self.known.holder_of(content.sha256, item.file_name), self.known.by_key.get(item.key)
        if holder is None or holder is document:
            self._take(item, content)
        elif holder.is_here or (document is None and not (self._sees_all or holder.is_missed_before)):
            if document:
                self._displaced.add(document.id)
            self._copy(item, content, holder)
        elif document is None:
            self._move(holder, item)
        else:
            self._take(item, content)

    def _take(self, item: Item, content: Content) -> None:
        stored = content.keep()
        arrival = Arrival(
            key=item.key,
            stored=stored,
            name=item.file_name if item.name else "",
            fingerprint=item.fingerprint,
            url=item.url,
            is_uploaded=self.is_by_hand,
            sync=self.sync,
        )
        with fenced(self.sync):
            document, change = take(actor=self.actor, source=self.sync.source, arrival=arrival)
        self.known.took(document.pk, item.key, stored.sha256)
        self.processing.add(Job(document.pk, item.key, change))

    def _count(self, document: KnownDocument, item: Item, change: Change) -> None:
        """Count an item whose bytes are known; one that a broken-off run left unread is read now."""
        if document.state in (Document.State.QUEUED, Document.State.PROCESSING):
            self.processing.add(Job(document.id, item.key, change))
        else:
            self.tally.add(Seen(item.key, change))

    def _change_before(self, document: KnownDocument) -> Change:
        """What an unchanged document counts as: what this very sync did with it before it was broken off."""
        if document.key in self._renamed_before:
            return Change.RENAMED
        if document.taken_in == self.sync.pk:
            return Change.ADDED if document.number == 1 else Change.CHANGED
        return Change.UNCHANGED

    def _note_signs(self, document: KnownDocument, item: Item) -> None:
        """Its source says that something happened to it, and its bytes are the same: remember the new sign."""
        fingerprint = kept_fingerprint(item.fingerprint)
        if fingerprint and document.fingerprint and fingerprint != document.fingerprint:
            self._refreshed.append(Document(pk=document.id, fingerprint=fingerprint))
        if document.is_kept or (document.withdrawn_in and document.state != Document.State.WITHDRAWN):
            self._seen_again.append(document.id)

    def _bring_back(self, document: KnownDocument) -> None:
        with fenced(self.sync):
            row = Document.objects.select_for_update().get(pk=document.id)
            if row.state == Document.State.WITHDRAWN:
                document.state = bring_back(actor=self.actor, document=row).state

    def _move(self, document: KnownDocument, item: Item) -> None:
        self._moves.append((document, item))
        self.known.copies.pop(item.key, None)
        self.known.moved(document, item.key)
        self.tally.add(Seen(item.key, Change.RENAMED))

    def _write_moves(self) -> None:
        for moves in _parts(self._moves):
            with fenced(self.sync):
                rows = Document.objects.select_for_update().in_bulk([document.id for document, _ in moves])
                renames = [{"from": rows[document.id].key, "to": item.key} for document, item in moves]
                self.sync.renames = [*self.sync.renames, *renames]
                self.sync.save(update_fields=["renames"])
                for document, item in moves:
                    row = rows[document.id]
                    if document.is_missed_before and row.state == Document.State.WITHDRAWN:
                        row = bring_back(actor=self.actor, document=row)
                    move(actor=self.actor, document=row, key=item.key, fingerprint=item.fingerprint, url=item.url)
        self._moves.clear()

    def _copy(self, item: Item, content: Content, document: KnownDocument) -> None:
        fingerprint = kept_fingerprint(item.fingerprint)
        copy = Copy(source=self.sync.source, document_id=document.id, key=item.key, fingerprint=fingerprint)
        copy.sha256 = content.sha256
        self._copied.append(copy)
        self.tally.add(Seen(item.key, Change.UNCHANGED))

    def _write_copies(self) -> None:
        for copies in _parts(self._copied):
            with fenced(self.sync):
                Copy.objects.bulk_create(copies, ignore_conflicts=True)
        self._copied.clear()

    def _forget_copy(self, key: str) -> None:
        del self.known.copies[key]
        with fenced(self.sync):
            Copy.objects.filter(source=self.sync.source, key=key).delete()

    def _follow_copies(self) -> None:
        """A document whose own place is gone goes on at another place of its bytes. Copies that are gone are
        forgotten."""
        here = [one for one in self.known.copies.values() if one.is_here]
        for copy in sorted(here, key=lambda one: one.key in self.known.by_key):
            document = copy.document
            may_move = document.can_be_missed or document.is_missed_before
            if not may_move or document.is_here or not document.says(copy.sha256):
                continue
            self.tally.take_back(Change.UNCHANGED)
            if copy.key in self.known.by_key:  # a former document of this key goes on with these bytes
                self._forget_copy(copy.key)
                self._take(self._copied_items[copy.key], KeptContent(copy.sha256))
            else:
                self._move(document, self._copied_items[copy.key])
        gone = [one.key for one in self.known.copies.values() if not one.is_here]
        for keys in _parts(gone):
            with fenced(self.sync):
                Copy.objects.filter(source=self.sync.source, key__in=keys).delete()

    def _part_copies(self) -> None:
        """A copy whose document says something else by now becomes a document of its own."""
        for copy in [one for one in self.known.copies.values() if one.is_here]:
            if not copy.document.says(copy.sha256):
                self._forget_copy(copy.key)
                self.tally.take_back(Change.UNCHANGED)
                self._enter_parted(self._copied_items[copy.key], KeptContent(copy.sha256))

    def _enter_parted(self, item: Item, content: Content) -> None:
        holder = self.known.holder_of(content.sha256, item.file_name)
        if holder is None:
            self._take(item, content)
        else:
            self._copy(item, content, holder)

    def _miss(self) -> None:
        """Withdraw what is gone; when that is suspiciously much, only mark it, and wait for a word."""
        gone = [
            one
            for one in self.known.by_key.values()
            if one.can_be_missed and not one.is_here and (self._sees_all or one.id in self._displaced)
        ]
        if len(gone) > SUSPICIOUS and 2 * len(gone) > self._count_before:
            marked = [one.id for one in gone if one.withdrawn_in is None]
            with fenced(self.sync):
                Document.objects.filter(pk__in=marked).update(withdrawn_in=self.sync)
            self.tally.withheld = len(gone)
            return
        for some in _parts(gone):
            with fenced(self.sync):
                for document in Document.objects.filter(pk__in=[one.id for one in some]):
                    self.tally.removed += withdraw(actor=self.actor, document=document, sync=self.sync)

    def _refresh(self) -> None:
        for documents in _parts(self._refreshed, 1000):
            with fenced(self.sync):
                Document.objects.bulk_update(documents, ["fingerprint"])
        for ids in _parts(self._seen_again, 1000):
            with fenced(self.sync):
                live = Document.objects.filter(pk__in=ids).exclude(state=Document.State.WITHDRAWN)
                live.update(is_kept=False, withdrawn_in=None)


def _check(item: Item) -> None:
    """Raises ItemError or ExtractionError for what cannot be taken, before it is fetched."""
    try:
        item.key.encode()
    except UnicodeEncodeError as error:
        raise ItemError("Its name cannot be written.") from error
    if not item.key or len(item.key) > LONGEST_KEY or "\0" in item.key:
        raise ItemError(f"Its name is empty, longer than {LONGEST_KEY} characters, or cannot be written.")
    format_of(item.file_name)


def _parts(rows: Iterable[T], size: int = _TOGETHER) -> Iterator[list[T]]:
    listed = list(rows)
    for start in range(0, len(listed), size):
        yield listed[start : start + size]
