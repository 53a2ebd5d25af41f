"""Files that people bring by hand: there is no place to look through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext_noop as _
from pydantic import BaseModel, ConfigDict

from knowledge.connectors.base import Connector, Item, ItemError, LeftOut


class UploadSettings(BaseModel):
    """Nothing."""

    model_config = ConfigDict(extra="forbid")


class UploadConnector(Connector):
    kind = "upload"
    label = _("Uploads")
    summary = _("Files that you bring here yourself.")
    settings_schema = UploadSettings

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        self.is_complete = False
        return iter(())

    def read(self, item: Item) -> Iterator[bytes]:
        raise ItemError("It was brought by hand.")
