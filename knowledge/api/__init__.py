"""Knowledge for programs: the same verbs as the pages, as the caller."""

from ninja import Router

from knowledge.api import documents, search, sources

router = Router(tags=["knowledge"])
for part in (sources.router, documents.router, search.router):
    router.add_router("", part)
