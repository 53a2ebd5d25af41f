"""The demo company's knowledge in a benchmark's own Parley, and somebody who may read all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accounts.audit import SYSTEM
from accounts.models import Role, User
from accounts.people.groups import create_group
from accounts.people.people import create_person
from app.demo.company import FOLDER, READERS
from bench.harness import BenchError
from knowledge.syncs.importing import bring_in, look
from knowledge.syncs.tallying import Tally


@dataclass(frozen=True)
class Company:
    """``keeper`` owns the sources and is in every group, so that nothing is hidden from the questions."""

    keeper: User

    @classmethod
    def found(cls) -> Company:
        keeper = create_person(
            actor=SYSTEM, email="keeper@example.org", password=None, roles=[Role.EMPLOYEE, Role.OWNER]
        )
        for group in filter(None, READERS.values()):
            create_group(actor=SYSTEM, name=group, members=[keeper])
        return cls(keeper)

    def bring_in(self, prefix: str = "") -> list[Tally]:
        """Every folder as a source of its own, named with ``prefix``. Raises BenchError when a file is refused."""
        summaries = [
            self.bring_in_folder(FOLDER / folder, f"{prefix}{folder}", [group] if group else [])
            for folder, group in READERS.items()
        ]
        if failures := [failure for summary in summaries for failure in summary.failures]:
            raise BenchError(f"{failures[0]['key']} could not be taken: {failures[0]['reason']}")
        return summaries

    def bring_in_folder(self, path: Path, source_name: str, groups: Sequence[str] = ()) -> Tally:
        """Another folder, as a new source."""
        visit = look(actor=self.keeper, path=path, source_name=source_name, groups=groups)
        return bring_in(actor=self.keeper, visit=visit)
