"""All tables of moderation, a file for each matter."""

from moderation.models.cases import Case, CaseEvent, CaseQuerySet, Decision
from moderation.models.policies import Policy, PolicyQuerySet, PolicyVersion

__all__ = ["Case", "CaseEvent", "CaseQuerySet", "Decision", "Policy", "PolicyQuerySet", "PolicyVersion"]
