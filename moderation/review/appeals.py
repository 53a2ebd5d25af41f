"""Appeals: whom a case is about may ask, once, that somebody else looks again at what was withheld or changed.

The case is open again, in its second round, with the appeal's words beside it; who decided the first time may not
claim it (``CaseQuerySet.free_for``). The step is one conditional UPDATE like the others, so of two appeals at once one
counts. The second decision is the last.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef
from django.db.models.functions import Now

from accounts import audit
from accounts.models import User
from app.errors import BadInputError, ConflictError
from moderation.models import Case, CaseEvent, Decision
from moderation.review.cases import note, state_of

MAX_APPEAL_CHARACTERS = 2_000
AGAINST = (Decision.Action.REJECT, Decision.Action.EDIT)  # an approval leaves nothing to appeal against


def appeal_case(actor: User, *, content_kind: str, content_id: UUID, text: str) -> Case:
    """Open the decided case about one's own content once more. It is due as long after now as it was the first time.

    Raises BadInputError without words, and ConflictError when there is no decision to appeal against, or none any more.
    """
    text = _checked(text)
    decided = Decision.objects.filter(case=OuterRef("pk"), round=1, action__in=AGAINST)
    mine = Case.objects.filter(content_kind=content_kind, content_id=content_id, subject=actor)
    as_long = ExpressionWrapper(Now() + (F("due_at") - F("opened_at")), output_field=DateTimeField())
    with transaction.atomic():
        case = mine.order_by("-revision").select_related("reviewer").first()
        if case is None:
            raise ConflictError("Nobody has decided about this.", current={"state": None})
        again = mine.filter(Exists(decided), pk=case.pk, state=Case.State.FINAL, round=1).update(
            state=Case.State.OPEN,
            round=2,
            appeal=text,
            appealed_at=Now(),
            due_at=as_long,
            reviewer=None,
            lease_until=None,
            final_at=None,
        )
        if not again:
            raise _conflict(case)
        case = Case.objects.get(pk=case.pk)
        note(case, CaseEvent.Kind.APPEALED, actor, words=text, payload={"text": audit.digest(text)})
        return case


def _checked(text: str) -> str:
    text = text.replace("\x00", "").strip()
    if not text:
        raise BadInputError("Write why somebody should look at it again.")
    if len(text) > MAX_APPEAL_CHARACTERS:
        raise BadInputError(f"An appeal has at most {MAX_APPEAL_CHARACTERS:,} characters.")
    return text


def _conflict(case: Case) -> ConflictError:
    case.refresh_from_db()
    if case.is_waiting:
        said = "You have appealed already; somebody else looks at it." if case.is_appeal else "Nobody has decided yet."
    elif case.is_appeal:
        said = "The second decision is the last one."
    else:
        said = "Only what was withheld or edited can be appealed against."
    return ConflictError(said, current=state_of(case) | {"reviewer": None})
