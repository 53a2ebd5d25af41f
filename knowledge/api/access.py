"""Who can see a document, and why; and why somebody cannot."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from accounts.callers import caller
from accounts.models import User
from app.errors import NotFoundError
from knowledge.schemas import AccessOut, KeeperOut, PersonOut, ReasonOut, VerdictOut, WayOut
from knowledge.viewing import access

router = Router()


@router.get("/documents/{uuid:document_id}/access", response=AccessOut, summary="Who can see a document, and why")
def show_access(request: HttpRequest, document_id: UUID, person: str = "") -> AccessOut:
    """For who keeps it, and for auditors. ``person`` is an e-mail address; looking somebody up is audited."""
    user = caller(request)
    document = access.get_explainable(user, document_id)
    asked = _find_person(person) if person else None
    verdict = access.explain_access(actor=user, document=document, person=asked) if asked else None
    readers = access.readers_of(document)
    return AccessOut(
        document_id=document.pk,
        count=readers.count,
        ways=[
            WayOut(kind=way.kind, name=way.name, count=way.count, people=[_person(one) for one in way.people])
            for way in readers.ways
        ],
        keepers=[KeeperOut(person=_person(one.person), reads=one.reads) for one in readers.keepers],
        reasons=_reasons(readers.reasons),
        person=_verdict(verdict) if verdict else None,
    )


def _find_person(address: str) -> User:
    found = User.objects.filter(email__iexact=address.replace("\x00", "")[:254]).first()
    if found is None:
        raise NotFoundError("There is nobody with this e-mail address.")
    return found


def _person(person: User) -> PersonOut:
    return PersonOut(name=person.name, email=person.email, is_active=person.is_active)


def _reasons(reasons: list[access.Reason]) -> list[ReasonOut]:
    return [ReasonOut(kind=one.kind, text=one.text, remedy=one.remedy) for one in reasons]


def _verdict(verdict: access.Verdict) -> VerdictOut:
    return VerdictOut(
        person=_person(verdict.person),
        finds=verdict.finds,
        opens=verdict.opens,
        keeps=verdict.keeps,
        because=verdict.because,
        reasons=_reasons(verdict.reasons),
    )
