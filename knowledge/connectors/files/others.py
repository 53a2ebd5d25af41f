"""File servers and clouds other than S3, by address."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from django.utils.translation import gettext_noop as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import SourceUnreachableError
from knowledge.connectors.files.protocols import PROTOCOLS, Place, place_of
from knowledge.connectors.files.walking import FilesystemConnector, Opened
from knowledge.fetching.errors import FetchError
from knowledge.fetching.reach import Reach


def _address(address: str) -> str:
    place_of(address)
    return address.strip()


class FilesSettings(BaseModel):
    """Where the files are, and who asks."""

    model_config = ConfigDict(extra="forbid")

    address: Annotated[str, AfterValidator(_address)] = Field(
        title=_("Address"),
        description=_(
            "sftp://, davs:// (WebDAV), smb://, ftp://, gs:// (Google) or az:// (Azure), with host or bucket "
            "and folder, such as sftp://files.example.org/handbook."
        ),
    )
    user: str = Field("", max_length=200, title=_("User name"), description=_("Left empty where none is needed."))
    host_key: str = Field(
        "",
        max_length=200,
        title=_("Host key"),
        description=_("For SFTP: the fingerprint of the server's key, as SHA256:… Try the source out to see it."),
    )
    account: str = Field("", max_length=24, title=_("Storage account"), description=_("For Azure only."))


class FilesConnector(FilesystemConnector):
    kind = "files"
    label = _("File server or cloud storage")
    summary = _("Files on an SFTP, WebDAV, Windows (SMB) or FTP server, in Google Cloud Storage or in Azure.")
    settings_schema = FilesSettings
    credential_label = _("Password, private key or account key")

    config: FilesSettings

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        assert isinstance(config, FilesSettings)
        place = place_of(config.address)
        if reason := _missing(place):
            raise BadInputError(reason)
        usual = PROTOCOLS[place.protocol].port
        try:
            if usual:
                Reach.from_settings().check_written(place.host, place.port, frozenset({usual}))
        except FetchError as error:
            raise BadInputError(error.reason) from error

    def open(self) -> Opened:
        place = place_of(self.config.address)
        if reason := _missing(place):
            raise SourceUnreachableError(reason)
        given = replace(
            place,
            user=self.config.user,
            secret=self.credential or "",
            host_key=self.config.host_key,
            account=self.config.account,
        )
        return PROTOCOLS[place.protocol].open(given, Reach.from_settings())

    def place(self) -> str:
        return self.config.address


def _missing(place: Place) -> str:
    """What an operator has to install before this protocol can be spoken; "" when nothing."""
    protocol = PROTOCOLS[place.protocol]
    if protocol.is_installed():
        return ""
    return (
        f"{protocol.label} needs a driver that is not installed here. "
        f"An operator can add it with: pip install {protocol.package}"
    )
