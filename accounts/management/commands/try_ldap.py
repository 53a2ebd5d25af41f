"""`manage.py try_ldap ADDRESS`: what the directories say of somebody, and what would follow from it here."""

from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.ldap.asking import check_password, find_entry, try_servers
from accounts.ldap.directories import LdapDirectory, directories, lowered
from app.errors import ParleyError


class Command(BaseCommand):
    help = "Ask the directories of LDAP_DIRECTORIES for somebody by their address. Changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address")
        parser.add_argument("--password", action="store_true", help="ask for their password, and try it")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = directories()
        if not wanted:
            raise CommandError("LDAP_DIRECTORIES is empty. docs/directory.md says what stands in it.")
        password = getpass("Their password: ") if options["password"] else None
        failed = [directory.name for directory in wanted if not self._try(directory, options["address"], password)]
        if failed:
            raise CommandError(f"Not usable as it is: {', '.join(failed)}.")

    def _try(self, directory: LdapDirectory, address: str, password: str | None) -> bool:
        self.stdout.write(f"{directory.name} ({directory.id})")
        for url, wrong in try_servers(directory):
            self.stdout.write(f"  {url}: {wrong or 'answers'}")
        if not directory.speaks_for(address):
            self.stdout.write(f"  is not asked for addresses other than of: {', '.join(directory.domains)}")
            return True
        try:
            entry = find_entry(directory, address)
            is_right = password is not None and check_password(directory, address, password) is not None
        except ParleyError as error:
            self.stdout.write(f"  {error.message}")
            return False
        if entry is None:
            asked = f"(&{directory.people}({directory.email_attribute}={address}))"
            self.stdout.write(f"  has nobody, or several, below {directory.base} for {asked}")
            return True
        groups, roles = lowered(directory.groups), lowered(directory.roles)
        self.stdout.write(f"  {entry.dn}\n  id {entry.uid}, address {entry.email}, name {entry.name}")
        self.stdout.write(f"  groups there: {'; '.join(sorted(entry.words)) or 'none'}")
        for what, mapped in (("groups", groups), ("roles", roles)):
            given = sorted({here for word, here in mapped.items() if word in entry.words})
            self.stdout.write(f"  {what} here: {', '.join(given) or 'none'}")
        if password is not None:
            self.stdout.write(f"  the password is {'right' if is_right else 'wrong'}")
        return True
