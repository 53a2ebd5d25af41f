"""Rules as a policy writes them."""

from typing import Any

from moderation.screening.rules import Rule, read_rules


def rule(match: dict[str, Any], **changes: Any) -> dict[str, Any]:
    wording = {"name": "a rule", "scope": "both", "match": match, "action": "hold", "reason": "A person looks at it."}
    return wording | changes


def rules(*wordings: dict[str, Any], on_failure: str = "hold") -> tuple[Rule, ...]:
    named = [wording | {"name": f"{wording['name']} {number}"} for number, wording in enumerate(wordings, 1)]
    return read_rules(named, on_failure=on_failure)
