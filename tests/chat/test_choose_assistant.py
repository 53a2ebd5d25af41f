"""Choosing whom to ask: what each assistant is for, and what it knows for this very reader."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db


def knows(client, slug):
    """What the list says of an assistant, in plain words."""
    page = client.get(reverse("chat:assistants")).content.decode()
    row = page.split(f"?assistant={slug}")[1].split("</a>")[0]
    return " ".join(row.split('assistant-knows">')[1].split("</span>")[0].split())


def test_each_says_what_it_is_for_and_how_it_answers(signed_in, alice):
    factories.make_assistant(slug="handbook", name="Handbook", description="Rules of the house.")
    factories.make_assistant(
        slug="writer", name="Writer", mode="generate", model=factories.make_model(name="large"), searches=False
    )
    page = signed_in(alice).get(reverse("chat:assistants")).content.decode()
    assert "Rules of the house." in page
    assert "Quotes word for word" in page
    assert "Writes with large" in page
    assert knows(signed_in(alice), "writer") == "Knows no documents"


def test_sources_are_those_the_reader_may_read(signed_in, alice, charlie, olivia, crew):
    papers = factories.make_source(owner=olivia, name="Crew papers", groups=[crew])
    wiki = factories.make_source(owner=olivia, name="Wiki")
    factories.make_assistant(slug="both").sources.add(papers, wiki)
    factories.make_assistant(slug="papers").sources.add(papers)
    factories.make_assistant(slug="all")
    assert knows(signed_in(alice), "both") == "Searches Crew papers, Wiki"
    assert knows(signed_in(charlie), "both") == "Searches Wiki"
    assert knows(signed_in(charlie), "papers") == "Searches documents, but none of them is open to you"
    assert knows(signed_in(alice), "all") == "Searches all you may read: Crew papers, Wiki"
    assert knows(signed_in(charlie), "all") == "Searches all you may read: Wiki"


def test_many_sources_are_counted(signed_in, alice, olivia):
    for number in range(7):
        factories.make_source(owner=olivia, name=f"Source {number}")
    factories.make_assistant(slug="all")
    assert knows(signed_in(alice), "all").endswith("Source 0, Source 1, Source 2, Source 3 and 3 more")


def test_a_deleted_source_is_not_named(signed_in, alice, olivia):
    source = factories.make_source(owner=olivia, name="Wiki")
    factories.make_assistant(slug="wiki").sources.add(source)
    source.deleted_at = source.created_at
    source.save()
    assert "Wiki" not in knows(signed_in(alice), "wiki")


def test_only_ones_own_assistants_are_there(signed_in, alice, charlie, crew):
    factories.make_assistant(slug="crew-only", groups=[crew])
    assert "crew-only" in signed_in(alice).get(reverse("chat:assistants")).content.decode()
    nothing = signed_in(charlie).get(reverse("chat:assistants")).content.decode()
    assert "crew-only" not in nothing
    assert "No assistant is open to you yet" in nothing


def test_the_start_page_says_what_its_assistant_searches(signed_in, alice, olivia):
    factories.make_source(owner=olivia, name="Wiki")
    factories.make_assistant(slug="handbook")
    assert "Searches all you may read: Wiki" in " ".join(signed_in(alice).get("/").content.decode().split())
    assert 'id="assistant-picker"' not in signed_in(alice).get("/").content.decode()
    factories.make_assistant(slug="another")
    assert 'id="assistant-picker"' in signed_in(alice).get("/").content.decode()
