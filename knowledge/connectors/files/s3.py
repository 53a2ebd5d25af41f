"""Buckets of Amazon S3, and of everything that speaks like it (MinIO, Ceph, R2, Wasabi)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from django.utils.translation import gettext_noop as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import SourceUnreachableError
from knowledge.connectors.files.walking import FilesystemConnector, Opened
from knowledge.fetching.asking import origin_of, parse
from knowledge.fetching.errors import FetchError
from knowledge.fetching.reach import Reach

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{0,40}")
_BLOCK = 5 * 2**20


def _bucket(name: str) -> str:
    name = name.strip().removeprefix("s3://").rstrip("/")
    if not _BUCKET.fullmatch(name) or ".." in name:
        raise ValueError("that is not the name of a bucket: 3 to 63 letters, digits, dots and hyphens")
    return name


def _region(name: str) -> str:
    if not _REGION.fullmatch(name.strip()):
        raise ValueError("a region looks like eu-central-1")
    return name.strip()


def _endpoint(url: str) -> str:
    if not url.strip():
        return ""
    try:
        parsed = parse(url.strip().rstrip("/"))
    except FetchError as error:
        raise ValueError(error.reason) from error
    if parsed.path not in ("", "/") or parsed.query:
        raise ValueError("an endpoint is a host alone, such as https://minio.example.org")
    return str(parsed).rstrip("/")


def _prefix(path: str) -> str:
    return "/".join(part for part in path.strip().split("/") if part)


class S3Settings(BaseModel):
    """Which bucket, and where."""

    model_config = ConfigDict(extra="forbid")

    bucket: Annotated[str, AfterValidator(_bucket)] = Field(title=_("Bucket"), description=_("Its name."))
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        "", title=_("Folder"), description=_("Take only what lies below this path in the bucket.")
    )
    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        "",
        title=_("Endpoint"),
        description=_("The address of the service, such as https://minio.example.org. Left empty: Amazon's."),
    )
    region: Annotated[str, AfterValidator(_region)] = Field(
        "", title=_("Region"), description=_("Such as eu-central-1, where the service asks for one.")
    )


class S3Connector(FilesystemConnector):
    kind = "s3"
    label = _("S3 bucket")
    summary = _("Files in a bucket of Amazon S3 or of a service that speaks like it, such as MinIO or Ceph.")
    settings_schema = S3Settings
    credential_label = _("Access key ID and secret, as ID:SECRET")
    harmless_settings = frozenset({"prefix"})

    config: S3Settings

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        assert isinstance(config, S3Settings)
        if not config.endpoint:
            return
        _, host, port = origin_of(parse(config.endpoint))
        try:
            Reach.from_settings().check_written(host, port)
        except FetchError as error:
            raise BadInputError(error.reason) from error

    def open(self) -> Opened:
        from s3fs import S3FileSystem  # type: ignore[import-untyped]  # big, and only this kind needs it

        if self.config.endpoint:  # said now and plainly, rather than after the library's own tries
            _, host, port = origin_of(parse(self.config.endpoint))
            Reach.from_settings().addresses(host, port)
        root = f"{self.config.bucket}/{self.config.prefix}".rstrip("/")
        system = S3FileSystem(
            endpoint_url=self.config.endpoint or None,
            client_kwargs={"region_name": self.config.region or "us-east-1"},
            config_kwargs=_connecting(bool(self.config.endpoint)),
            use_listings_cache=False,
            skip_instance_cache=True,
            **self._identity(),
        )
        return Opened(system, root, lambda: system._s3 and system.close_session(system.loop, system._s3))

    def place(self) -> str:
        return f"{self.config.bucket}/{self.config.prefix}".rstrip("/")

    def reading(self) -> dict[str, Any]:
        return {"block_size": _BLOCK, "cache_type": "readahead"}

    def _identity(self) -> dict[str, Any]:
        """The source's own key, or none at all: never what the machine or its cloud would give."""
        if not self.credential:
            return {"anon": True}
        key, colon, secret = self.credential.strip().partition(":")
        if not colon or not key or not secret:
            raise SourceUnreachableError("The credential is not of the form ID:SECRET.")
        return {"key": key, "secret": secret}


def _connecting(has_own_endpoint: bool) -> dict[str, Any]:
    """Checked addresses, no proxies and no addresses of the environment, the bucket in the path of an own endpoint."""
    from knowledge.connectors.files.pinned import CheckedResolver

    resolver = CheckedResolver(Reach.from_settings())
    return {
        "connector_args": {
            "resolver": resolver,
            "socket_factory": resolver.socket_for,
            "use_dns_cache": False,
        },
        "connect_timeout": 10,
        "read_timeout": 60,
        "retries": {"max_attempts": 2},
        "proxies": {},
        "ignore_configured_endpoint_urls": True,
        "s3": {"addressing_style": "path" if has_own_endpoint else "auto"},
    }
