"""Collecting the pages of a web site."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from accounts.models import User
from app.errors import BadInputError
from knowledge.connectors.base import Item, ItemError, LeftOut, Patterns, SourceUnreachableError
from knowledge.connectors.web import WebConnector, WebSettings
from knowledge.connectors.web.addresses import normal
from tests.knowledge.connectors.sites import Page, Site

PDF = {"Content-Type": "application/pdf"}


class Run:
    """One listing: what was found by key, what was left out, and the bytes of what was read."""

    def __init__(
        self,
        site: Site,
        known: Mapping[str, str] | None = None,
        patterns: Patterns | None = None,
        **config: Any,
    ) -> None:
        self.connector = WebConnector({"start": [f"{site.url}/"]} | config, None, patterns or Patterns())
        found = list(self.connector.items(known or {}))
        self.items = {entry.key.removeprefix(site.url): entry for entry in found if isinstance(entry, Item)}
        self.left_out = {e.key.removeprefix(site.url): e.reason for e in found if isinstance(e, LeftOut)}
        self.is_complete = self.connector.is_complete

    def text(self, path: str) -> str:
        return b"".join(self.connector.read(self.items[path])).decode()

    def known(self) -> dict[str, str]:
        return {item.key: item.fingerprint for item in self.items.values()}


def link(*targets: str) -> str:
    return "".join(f'<p><a href="{target}">to {target}</a></p>' for target in targets)


@pytest.fixture
def handbook(site: Site) -> Site:
    """A start page, two pages below it, and one below those."""
    site.html("/", "<title>Handbook</title>" + link("leave", "/pay?utm_source=mail&year=2026#top"))
    site.html("/leave", "<h1>Leave</h1><p>27 days.</p>" + link("/leave/carry", "/"))
    site.html("/pay?year=2026", "<h1>Pay</h1>")
    site.html("/leave/carry", "<h1>Carry over</h1>" + link("/leave/carry/deep"))
    site.html("/leave/carry/deep", "<h1>Deep</h1>")
    return site


def test_links_are_followed_nearest_first_and_no_deeper_than_wanted(handbook: Site) -> None:
    run = Run(handbook, depth=2)
    assert list(run.items) == ["/", "/leave", "/pay?year=2026", "/leave/carry"]
    assert run.is_complete
    assert run.items["/leave"].file_name == "leave.html"
    assert run.items["/leave"].url == f"{handbook.url}/leave"
    assert "27 days" in run.text("/leave")
    assert list(Run(handbook, depth=0).items) == ["/"]


def test_every_page_is_asked_once_and_robots_first(handbook: Site) -> None:
    Run(handbook, depth=5)
    asked = handbook.paths()
    assert asked[0] == "/robots.txt"
    assert len(asked) == len(set(asked))


def test_a_second_run_finds_the_same_signs_and_reads_nothing(handbook: Site) -> None:
    handbook.html("/pay?year=2026", '<h1>Pay</h1><input type=hidden value="1"><script>let token = 1</script>')
    first = Run(handbook)
    handbook.html("/pay?year=2026", '<h1 class="x">Pay</h1><input type=hidden value="2"><script>let token = 2</script>')
    second = Run(handbook, first.known())
    assert second.known() == first.known()
    handbook.html("/leave", "<h1>Leave</h1><p>28 days.</p>")
    third = Run(handbook, first.known())
    changed = {path for path, item in third.items.items() if item.fingerprint != first.items[path].fingerprint}
    assert changed == {"/leave"}
    assert "28 days" in third.text("/leave")


def test_files_are_taken_with_their_endings_and_asked_for_only_when_changed(handbook: Site) -> None:
    handbook.html("/", link("/guide", "/table.csv", "/photo.gif", "/film"))
    handbook.pages["/guide"] = Page(b"%PDF-1.4 one", headers=PDF | {"ETag": '"1"'})
    handbook.pages["/table.csv"] = Page(
        b"a,b", headers={"Content-Type": "text/plain", "Last-Modified": "Mon, 05 Oct 2026 10:00:00 GMT"}
    )
    handbook.pages["/photo.gif"] = Page(b"GIF89a", headers={"Content-Type": "image/gif"})
    handbook.pages["/film"] = Page(itertools.repeat(b"x" * 65536), headers={"Content-Type": "video/mp4"})
    first = Run(handbook)
    assert {path: item.file_name for path, item in first.items.items() if path != "/"} == {
        "/guide": "guide.pdf",
        "/table.csv": "table.csv",
    }
    assert set(first.left_out) == {"/photo.gif", "/film"}
    assert first.text("/guide") == "%PDF-1.4 one"
    handbook.asked.clear()
    handbook.pages["/guide"] = lambda handler: Page(
        b"%PDF-1.4 one", status=304 if handler.headers.get("If-None-Match") == '"1"' else 200, headers=PDF
    )
    handbook.pages["/table.csv"] = Page(status=304)
    second = Run(handbook, first.known())
    assert second.known() == first.known()
    assert second.items["/guide"].file_name == "guide.pdf"
    headers = dict(handbook.asked)
    assert headers["/guide"]["if-none-match"] == '"1"'
    assert headers["/table.csv"]["if-modified-since"] == "Mon, 05 Oct 2026 10:00:00 GMT"


def test_other_hosts_are_not_followed_unless_named(handbook: Site, second_site: Site) -> None:
    second_site.html("/", "<h1>Elsewhere</h1>")
    handbook.html("/", link(f"{second_site.url}/", "/leave"))
    assert list(Run(handbook, depth=1).items) == ["/", "/leave"]
    assert second_site.asked == []
    run = Run(handbook, depth=1, hosts=[handbook.host, second_site.host])
    assert f"{second_site.url}/" in run.items


def test_a_start_page_that_moved_takes_its_host_along(site: Site, second_site: Site) -> None:
    site.redirect("/", f"{second_site.url}/")
    second_site.html("/", link("/a"))
    second_site.html("/a", "<p>A")
    assert list(Run(site).items) == [f"{second_site.url}/", f"{second_site.url}/a"]
    with pytest.raises(SourceUnreachableError, match="another site"):
        Run(site, hosts=[site.host])


def test_a_link_into_the_inner_network_is_left_out(site: Site, hidden_site: Site) -> None:
    hidden_site.html("/", "secret")
    site.html("/", link("/moved", f"{hidden_site.url}/"))
    site.redirect("/moved", f"{hidden_site.url}/")
    run = Run(site, hosts=[site.host, hidden_site.host])
    assert list(run.items) == ["/"]
    assert "SOURCE_HOSTS" in run.left_out[f"{hidden_site.url}/"]
    assert hidden_site.asked == []


def test_what_robots_txt_forbids_is_not_asked(handbook: Site) -> None:
    handbook.pages["/robots.txt"] = Page(b"User-agent: *\nDisallow: /pay\n\nUser-agent: parley\nDisallow: /leave")
    run = Run(handbook)
    assert list(run.items) == ["/", "/pay?year=2026"]
    assert "robots.txt" in run.left_out["/leave"]
    assert "/leave" not in handbook.paths()


def test_a_site_whose_rules_cannot_be_read_is_not_asked(handbook: Site) -> None:
    handbook.pages["/robots.txt"] = Page(status=503)
    with pytest.raises(SourceUnreachableError, match=r"robots\.txt"):
        Run(handbook)
    assert handbook.paths() == ["/robots.txt"]


def test_sitemaps_that_robots_txt_names_are_taken_with_their_children(handbook: Site) -> None:
    handbook.pages["/robots.txt"] = Page(f"Sitemap: {handbook.url}/maps.xml".encode())
    index = f"<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>{handbook.url}/one.xml.gz"
    handbook.pages["/maps.xml"] = Page(f"{index}</loc></sitemap></sitemapindex>".encode())
    one = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc> {handbook.url}/lonely </loc></url>"
    handbook.pages["/one.xml.gz"] = Page(gzip.compress(f"{one}</urlset>".encode()))
    handbook.html("/lonely", "<p>No link leads here.")
    run = Run(handbook, depth=0)
    assert list(run.items) == ["/", "/lonely"]
    assert list(Run(handbook, depth=0, sitemap=False).items) == ["/"]


def test_the_usual_sitemap_may_be_missing_but_a_named_one_may_not(handbook: Site) -> None:
    assert Run(handbook).is_complete
    assert "/sitemap.xml" in handbook.paths()
    assert not Run(handbook, sitemap_url=f"{handbook.url}/none.xml").is_complete
    handbook.pages["/list.txt"] = Page(f"{handbook.url}/leave/carry/deep\nnonsense\n".encode())
    assert "/leave/carry/deep" in Run(handbook, sitemap_url=f"{handbook.url}/list.txt").items


def test_a_hostile_sitemap_does_no_harm(handbook: Site, hidden_site: Site) -> None:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    handbook.pages["/sitemap.xml"] = Page(
        f'<!DOCTYPE u [<!ENTITY l0 "ha">{laughs}<!ENTITY f SYSTEM "file:///etc/passwd">'
        f'<!ENTITY h SYSTEM "{hidden_site.url}/">]>'
        f"<urlset><url><loc>&l9;</loc></url><url><loc>&f;&h;</loc></url><url><loc>file:///x</loc></url></urlset>".encode()
    )
    assert list(Run(handbook, depth=1).items) == ["/", "/leave", "/pay?year=2026"]
    handbook.pages["/sitemap.xml"] = Page(gzip.compress(b"<urlset>" + bytes(60_000_000)))
    assert len(Run(handbook, depth=1).items) == 3
    assert hidden_site.asked == []


def test_pages_that_ask_not_to_be_taken_or_followed_are_heard(site: Site) -> None:
    site.html("/", link("/private", "/dead-end", "/header.pdf") + '<a rel="nofollow" href="/paid">ad</a>')
    site.html("/private", '<meta name="Robots" content="NOINDEX">' + link("/behind"))
    site.html("/dead-end", '<meta name="robots" content="nofollow">' + link("/unseen"))
    site.html("/behind", "<p>Behind")
    site.html("/unseen", "<p>Unseen")
    site.html("/paid", "<p>Paid")
    site.pages["/header.pdf"] = Page(b"%PDF", headers=PDF | {"X-Robots-Tag": "otherbot: nofollow"})
    run = Run(site)
    assert list(run.items) == ["/", "/dead-end", "/header.pdf", "/behind"]
    site.pages["/header.pdf"] = Page(b"%PDF", headers=PDF | {"X-Robots-Tag": "parley: noindex"})
    assert "noindex" in Run(site).left_out["/header.pdf"]


def test_copies_are_taken_once_under_the_address_they_give(site: Site) -> None:
    site.html("/", link("/print/leave", "/leave", "/foreign"))
    site.html("/print/leave", '<link rel="canonical" href="/leave"><p>Leave')
    site.html("/leave", '<link rel="canonical" href="/leave"><p>Leave')
    site.html("/foreign", '<link rel="canonical" href="https://other.example/x"><p>Foreign')
    run = Run(site)
    assert list(run.items) == ["/", "/leave", "/foreign"]
    assert "Leave" in run.text("/leave")


def test_pages_to_sign_in_on_are_not_taken(site: Site) -> None:
    site.html("/", link("/account", "/closed", "/corner"))
    site.redirect("/account", "/login?next=/account")
    site.html("/login?next=/account", "<title>Log in</title><input type=password>")
    site.html("/corner", "<title>News</title><h1>News</h1><form><input type=password></form>")
    site.pages["/closed"] = Page(status=401)
    run = Run(site)
    assert list(run.items) == ["/", "/corner"]
    assert "sign in" in run.left_out["/login?next=/account"]
    assert "401" in run.left_out["/closed"]


def test_what_is_gone_is_gone_and_what_fails_today_is_not(handbook: Site) -> None:
    known = Run(handbook, depth=1).known()
    handbook.pages["/leave"] = Page(status=410)
    run = Run(handbook, known, depth=1)
    assert "/leave" not in run.items and run.is_complete
    for status in (500, 502, 403, 429):
        handbook.pages["/leave"] = Page(status=status)
        run = Run(handbook, known, depth=1)
        assert not run.is_complete
        assert run.items["/leave"].fingerprint == ""
        with pytest.raises(ItemError, match=str(status)):
            run.text("/leave")


def test_a_start_page_that_cannot_be_read_fails_the_run(site: Site) -> None:
    for page in (Page(status=404), Page(status=500), Page(status=401), Page(headers={"Content-Type": "image/gif"})):
        site.pages["/"] = page
        if page.status == 200:
            assert Run(site).items == {}
            continue
        with pytest.raises(SourceUnreachableError, match=str(page.status)):
            Run(site)


def test_a_busy_site_is_given_the_time_it_asks_for(handbook: Site) -> None:
    busy = iter([Page(status=429, headers={"Retry-After": "1"}), Page(status=503, headers={"Retry-After": "0"})])
    leave = handbook.pages["/leave"]
    assert isinstance(leave, Page)
    handbook.pages["/leave"] = lambda handler: next(busy, leave)
    assert "/leave" in Run(handbook).items
    assert handbook.paths().count("/leave") == 3


def test_a_site_that_asks_for_too_much_patience_is_left_alone(handbook: Site) -> None:
    handbook.pages["/leave"] = Page(status=503, headers={"Retry-After": "86400"})
    run = Run(handbook)
    assert "/pay?year=2026" not in handbook.paths()
    assert not run.is_complete


def test_a_limit_ends_the_run_and_nothing_is_taken_for_gone(site: Site) -> None:
    site.html("/", link(*(f"/{number}" for number in range(30))))
    for number in range(30):
        site.html(f"/{number}", f"<p>{number}")
    run = Run(site, limit=10)
    assert len(run.items) == 10 and not run.is_complete
    assert Run(site, limit=31).is_complete


def test_a_trap_without_end_ends(site: Site) -> None:
    class Endless(dict[str, Page]):
        def get(self, path: str, default: Any = None) -> Page:
            if path in ("/robots.txt", "/sitemap.xml"):
                return Page(status=404)
            noindex = '<meta name="robots" content="noindex">' if path != "/" else ""
            html = noindex + link(path + "x", path + "y")
            return Page(html.encode(), headers={"Content-Type": "text/html"})

    site.pages = Endless()
    run = Run(site, depth=20, limit=20)
    assert list(run.items) == ["/"] and not run.is_complete
    assert len(site.asked) < 200


def test_redirects_in_a_circle_end(site: Site) -> None:
    site.html("/", link("/a", "/chain0"))
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    for number in range(10):
        site.redirect(f"/chain{number}", f"/chain{number + 1}")
    run = Run(site)
    assert list(run.items) == ["/"]
    assert any("again and again" in reason for reason in run.left_out.values())


def test_patterns_choose_pages_and_start_pages_are_followed_anyway(handbook: Site) -> None:
    run = Run(handbook, patterns=Patterns(include=["**/leave/**", "**/leave"]))
    assert list(run.items) == ["/leave", "/leave/carry"]
    run = Run(handbook, patterns=Patterns(exclude=["**/leave"]))
    assert "/leave" not in run.items and "/leave" not in handbook.paths()[-3:]


def test_pages_in_other_encodings_arrive_in_utf8(site: Site) -> None:
    site.pages["/"] = Page(
        "<p>Überstunden".encode("latin-1"), headers={"Content-Type": "text/html; charset=ISO-8859-1"}
    )
    assert Run(site).text("/") == "<p>Überstunden"


def test_a_body_can_be_read_again(handbook: Site) -> None:
    run = Run(handbook)
    assert run.text("/leave") == run.text("/leave")
    run.connector.close()
    assert "27 days" in run.text("/leave")


def test_a_page_too_large_is_left_out(site: Site) -> None:
    site.html("/", link("/huge"))
    site.pages["/huge"] = Page(itertools.repeat(b"<p>x" * 16384), headers={"Content-Type": "text/html"})
    assert "larger" in Run(site).left_out["/huge"]


def test_an_address_too_long_is_left_out(site: Site) -> None:
    site.html("/", link("/" + "x" * 600))
    assert "500" in next(iter(Run(site).left_out.values()))


def test_broken_markup_is_survived(site: Site) -> None:
    nested = "<div>" * 5000 + '<a href="/deep">deep</a>'
    site.html("/", '<a href="http://[::1">x</a><a href="java\nscript:1">y</a><base href="http://[">' + nested)
    run = Run(site)
    assert "/" in run.items
    site.pages["/"] = Page(bytes(range(256)) * 100, headers={"Content-Type": "text/html"})
    assert "/" in Run(site).items
    site.pages["/"] = Page(b"", headers={"Content-Type": "text/html"})
    assert "/" in Run(site).items


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a/../b/./c#top", "https://example.org/b/c"),
        ("https://example.org/a?utm_source=x&b=2&a=1&fbclid=y", "https://example.org/a?b=2&a=1"),
        ("https://example.org/%7euser/%c3%bc", "https://example.org/~user/%C3%BC"),
        ("https://example.org/ü b", "https://example.org/%C3%BC%20b"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://example.org/a;jsessionid=12AB?x=1", "https://example.org/a?x=1"),
        ("https://example.org:8443/", "https://example.org:8443/"),
    ],
)
def test_one_page_has_one_spelling(written: str, kept: str) -> None:
    assert normal(written) == kept
    assert normal(kept) == kept


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"start": []},
        {"start": ["file:///etc/passwd"]},
        {"start": ["http://user:secret@example.org/"]},
        {"start": ["https://example.org/"], "depth": -1},
        {"start": ["https://example.org/"], "limit": 5001},
        {"start": ["https://example.org/"], "unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        WebSettings.model_validate(config)


@pytest.mark.django_db
@pytest.mark.parametrize("start", ["http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://example.org:22/"])
def test_an_inner_address_is_refused_before_anything_is_kept(olivia: User, start: str) -> None:
    with pytest.raises(BadInputError):
        WebConnector.check(olivia, WebSettings.model_validate({"start": [start]}))
    WebConnector.check(olivia, WebSettings.model_validate({"start": ["https://example.org/"]}))


def test_trying_it_out_says_what_is_there_or_wrong(handbook: Site) -> None:
    connector = WebConnector({"start": [f"{handbook.url}/"]}, None, Patterns())
    assert connector.try_out().startswith("It works")
    handbook.pages["/"] = Page(status=404)
    with pytest.raises(SourceUnreachableError, match="404"):
        connector.try_out()
