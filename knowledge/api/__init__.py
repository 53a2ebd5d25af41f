"""Knowledge for programs: the same verbs as the pages, as the caller."""

from ninja import Router

from knowledge.api import access, documents, index, keeping, passages, search, sources, syncs

router = Router(tags=["knowledge"])
for part in (
    sources.router,
    syncs.router,
    documents.router,
    access.router,
    passages.router,
    search.router,
    index.router,
    keeping.router,
):
    router.add_router("", part)
