"""A kind of source that lies in memory, for tests of what syncs decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from knowledge.connectors.base import Connector, Item, ItemError, LeftOut, SourceUnreachableError


@dataclass
class Shelf:
    """What lies there: text by key. ``broken``: listed, and cannot be read. ``reads``: keys that were fetched."""

    texts: dict[str, str] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    is_down: bool = False
    is_partly_seen: bool = False
    reads: list[str] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    credential: str | None = None


SHELF = Shelf()


class ShelfSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    place: str = "here"
    depth: int = 1


class ShelfConnector(Connector):
    kind = "shelf"
    label = "Shelf"
    summary = "Texts in memory."
    settings_schema = ShelfSettings
    credential_label = "Key to the shelf"
    harmless_settings = frozenset({"depth"})

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        if SHELF.is_down:
            raise SourceUnreachableError("The shelf does not answer.")
        SHELF.told, SHELF.credential = dict(known), self.credential
        yield from SHELF.left_out
        for key in list(SHELF.texts) + list(SHELF.broken):
            yield Item(key, SHELF.names.get(key, ""), SHELF.fingerprints.get(key, ""), f"https://shelf.example/{key}")
        self.is_complete = not SHELF.is_partly_seen

    def read(self, item: Item) -> Iterator[bytes]:
        SHELF.reads.append(item.key)
        if item.key in SHELF.broken:
            raise ItemError(SHELF.broken[item.key])
        yield SHELF.texts[item.key].encode()
