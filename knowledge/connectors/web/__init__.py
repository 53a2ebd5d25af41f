"""Web sites as a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from django.conf import settings
from django.utils.translation import gettext_noop as _
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Connector, Item, ItemError, LeftOut, Patterns
from knowledge.connectors.web.addresses import host_of, normal
from knowledge.connectors.web.bodies import Bodies
from knowledge.connectors.web.crawling import Bounds, Crawl, body_of
from knowledge.connectors.web.manners import Visitor
from knowledge.connectors.web.sitemaps import SitemapError, pages_in
from knowledge.fetching.asking import Ask, Fetcher, Limits, origin_of, parse
from knowledge.fetching.errors import FetchError
from knowledge.fetching.reach import Reach


def _address(url: str) -> str:
    try:
        return normal(url)
    except FetchError as error:
        raise ValueError(error.reason) from error


Address = Annotated[str, AfterValidator(_address)]


class WebSettings(BaseModel):
    """Where to begin, and how far to go."""

    model_config = ConfigDict(extra="forbid")

    start: list[Address] = Field(
        min_length=1,
        max_length=50,
        title=_("Start pages"),
        description=_("Addresses of pages to begin with, such as https://intranet.example.org/handbook/."),
    )
    depth: int = Field(
        2,
        ge=0,
        le=20,
        title=_("Links to follow"),
        description=_("How many links away from a start page a page may be. 0 takes the start pages alone."),
    )
    hosts: list[str] = Field(
        [],
        title=_("Hosts"),
        description=_("Links are followed to these hosts alone. Left empty: the hosts of the start pages."),
    )
    sitemap: bool = Field(
        True,
        title=_("Use the site's own list of pages"),
        description=_("Take what its sitemap lists as well, also where no link leads there."),
    )
    sitemap_url: Address | None = Field(
        None,
        title=_("Address of a sitemap"),
        description=_("Only needed where the site's robots.txt does not name it."),
    )
    limit: int = Field(
        500,
        ge=1,
        le=5000,
        title=_("Most pages"),
        description=_("A run ends after this many; what is left is not looked at."),
    )
    delay: int = Field(
        0,
        ge=0,
        le=60,
        title=_("Seconds between requests"),
        description=_("Pages are asked one after another. A pause that the site asks for is kept in any case."),
    )

    def bounds(self) -> Bounds:
        hosts = {host.strip().lower() for host in self.hosts if host.strip()}
        return Bounds(
            starts=tuple(self.start),
            hosts=frozenset(hosts or {host_of(url) for url in self.start}),
            depth=self.depth,
            limit=self.limit,
            may_move=not hosts,
        )


class WebConnector(Connector):
    """Pages of web sites, and the files they link to."""

    kind = "web"
    label = _("Web site")
    summary = _("Pages and files of a web site or intranet, by following links from start pages or by its sitemap.")
    settings_schema = WebSettings

    config: WebSettings

    def __init__(self, config: Mapping[str, Any], credential: str | None, patterns: Patterns) -> None:
        super().__init__(config, credential, patterns)
        self._bodies: Bodies | None = None
        self._failures: dict[str, str] = {}

    @classmethod
    def check(cls, actor: User, config: BaseModel) -> None:
        assert isinstance(config, WebSettings)
        reach = Reach.from_settings()
        for url in [*config.start, *([config.sitemap_url] if config.sitemap_url else [])]:
            _, host, port = origin_of(parse(url))
            try:
                reach.check_written(host, port)
            except FetchError as error:
                raise BadInputError(error.reason) from error

    def items(self, known: Mapping[str, str]) -> Iterator[Item | LeftOut]:
        self._bodies = self._bodies or Bodies()
        crawl = Crawl(self.config.bounds(), self._visitor, self.patterns, self._bodies, known)
        self._failures = crawl.failures
        try:
            yield from crawl.found(list(self._listed(crawl)))
        finally:
            self.is_complete = crawl.is_complete

    def read(self, item: Item) -> Iterator[bytes]:
        if reason := self._failures.get(item.key):
            raise ItemError(reason)
        kept = self._bodies.take(item.key) if self._bodies else None
        return kept if kept is not None else self._fetched(item.key)

    def try_out(self) -> str:
        self.config = self.config.model_copy(update={"depth": 0, "sitemap": False, "sitemap_url": None})
        return super().try_out()

    def close(self) -> None:
        if self._bodies:
            self._bodies.close()
            self._bodies = None
        self._fetcher.close()

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(limits=Limits(bytes=settings.UPLOAD_MAX_BYTES))

    @cached_property
    def _visitor(self) -> Visitor:
        return Visitor(self._fetcher, self._fetcher.limits, self.config.delay)

    def _listed(self, crawl: Crawl) -> Iterator[str]:
        """What sitemaps list. One that is named and cannot be read leaves the run incomplete."""
        named = [self.config.sitemap_url] if self.config.sitemap_url else []
        usual: list[str] = []
        for origin in dict.fromkeys(normal("/", url) for url in self.config.start) if self.config.sitemap else ():
            try:
                of_site = self._visitor.sitemaps(origin)
            except FetchError:
                continue  # the start page of that host will say so
            named += of_site
            usual += [] if of_site else [normal("/sitemap.xml", origin)]
        for sitemap in dict.fromkeys([*named, *usual]):
            try:
                yield from pages_in(self._fetcher, sitemap, 10 * self.config.limit)
            except SitemapError as error:
                if sitemap in named:
                    crawl.is_complete = False
                    crawl.trouble = error.reason

    def _fetched(self, url: str) -> Iterator[bytes]:
        """Ask a page again whose body is not at hand."""
        try:
            with self._visitor.ask(Ask(url)) as answer:
                if answer.status != 200:
                    raise ItemError(f"The site does not give it now ({answer.status}).")
                yield from body_of(answer)
        except FetchError as error:
            raise ItemError(error.reason) from error
