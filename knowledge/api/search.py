"""Finding passages."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from accounts.callers import caller
from accounts.limits.spending import spend_on_embedding
from accounts.rights import require
from knowledge.index.generations import serving_generation
from knowledge.retrieval import search
from knowledge.retrieval.found import Found
from knowledge.schemas import PassageOut, SearchIn, SearchOut

router = Router()


@router.post("/search", response=SearchOut, summary="Find passages among those you may read")
def find(request: HttpRequest, body: SearchIn) -> SearchOut:
    user = caller(request)
    require(user, "knowledge.search")
    spend_on_embedding(user, model_name=serving_generation().embedding_name, characters=len(body.query))
    found = search(user=user, query=body.query, limit=body.limit, source_ids=body.source_ids)
    return SearchOut(passages=[_passage(one) for one in found])


def _passage(found: Found) -> PassageOut:
    return PassageOut(
        id=found.passage_id,
        document_id=found.document_id,
        document_title=found.document_title,
        source=found.source,
        heading_path=list(found.heading_path),
        text=found.text,
        page=found.page,
        start=found.start,
        end=found.end,
        score=found.score,
        quote=found.quote,
    )
