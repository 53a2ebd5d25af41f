"""`manage.py audit_verify`: recompute the audit log's chains. Exit status 1 where one is not what was written."""

import sys
from typing import Any

import psycopg
from django.core.management.base import BaseCommand
from django.db import connection

from accounts.audit_chain import Report, verify_database


class Command(BaseCommand):
    help = "Recompute every chain of the audit log and name the first wrong row of each broken one."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        given = connection.get_connection_params()
        address = {name: given[name] for name in ("dbname", "user", "password", "host", "port") if name in given}
        with psycopg.connect(**address) as own:
            report = verify_database(own)
        for fault in report.faults:
            self.stderr.write(self.style.ERROR(str(fault)))
        self.stdout.write(_summary(report))
        if report.faults:
            sys.exit(1)


def _summary(report: Report) -> str:
    counted = f"{report.events:,} events in {report.chains} chains"
    if report.faults:
        return f"The audit log is not what was written: {len(report.faults)} of {counted} broken."
    return f"The audit log is whole: {counted}."
