"""`manage.py audit_prove ID`: a proof that this event is in the audit log, as JSON that `audit_chain.py` checks."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import audit
from accounts.auditing.proving import prove_event
from app.errors import ParleyError


class Command(BaseCommand):
    help = "Prove that one event is in the audit log. Check the proof with: python accounts/audit_chain.py FILE"
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=UUID, help="of the event")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            proof = prove_event(actor=audit.SYSTEM, event_id=options["id"])
        except ParleyError as error:
            raise CommandError(error.message) from error
        self.stdout.write(json.dumps(proof, indent=2))
