"""Every kind of source, by its name. A module is imported when its kind is first needed, not before."""

from __future__ import annotations

from django.utils.module_loading import import_string

from app.errors import BadInputError
from knowledge.connectors.base import Connector

CONNECTORS: dict[str, str] = {
    "upload": "knowledge.connectors.upload.UploadConnector",
    "folder": "knowledge.connectors.folder.FolderConnector",
    "web": "knowledge.connectors.web.WebConnector",
    "git": "knowledge.connectors.git.connector.GitConnector",
    "s3": "knowledge.connectors.files.s3.S3Connector",
    "files": "knowledge.connectors.files.others.FilesConnector",
}


def connector_of(kind: str) -> type[Connector]:
    """The class of a kind. Raises BadInputError naming the kinds there are."""
    if kind not in CONNECTORS:
        raise BadInputError(f"There is no kind of source called {kind}; the kinds are {', '.join(CONNECTORS)}.")
    found: type[Connector] = import_string(CONNECTORS[kind])
    return found


def all_connectors() -> list[type[Connector]]:
    """Every class, in the order in which people choose among them."""
    return [connector_of(kind) for kind in CONNECTORS]
