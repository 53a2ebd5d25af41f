"""Haldenrook's directory, on a real LDAP server: Twisted's everywhere, and OpenLDAP's where ``slapd`` is installed."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ldap3 import Connection, Server

KINDS = ["twisted", *(["slapd"] if shutil.which("slapd") else [])]
BASE = "dc=example,dc=org"
KEEPER = f"cn=keeper,{BASE}"
SECRET = "the keeper's own secret"
PASSWORD = "a password of the house"


@dataclass
class House:
    """A server that runs, and what tests do to its tree."""

    kind: str
    ports: dict[str, int]
    folder: Path
    uids: dict[str, str] = field(default_factory=dict)

    def described(self, **more: Any) -> dict[str, Any]:
        """As LDAP_DIRECTORIES has it."""
        return {
            "id": "house",
            "name": "Haldenrook",
            "urls": [f"ldaps://localhost:{self.ports['ldaps']}"],
            "ca_file": str(self.folder / "cert.pem"),
            "base": f"ou=people,{BASE}",
            "bind_dn": KEEPER,
            "bind_password": SECRET,
            "groups_by": "search",
            "group_base": f"ou=groups,{BASE}",
            "creates_accounts": True,
            "timeout_seconds": 10,
            **more,
        }

    def add_person(self, name: str, *, groups: list[str] | None = None) -> str:
        dn = f"uid={name},ou=people,{BASE}"
        attributes: dict[str, Any] = {
            "uid": name,
            "cn": name,
            "sn": name,
            "displayName": name.capitalize(),
            "mail": f"{name}@example.org",
            "userPassword": PASSWORD,
        }
        if self.kind == "twisted":  # OpenLDAP makes the one itself, and has the other as an overlay
            uid = self.uids.setdefault(name, str(uuid4()))
            attributes |= {"entryUUID": uid, "memberOf": [f"cn={one},ou=groups,{BASE}" for one in groups or ["None"]]}
        self._add(dn, ["person", "inetOrgPerson"], attributes)
        return dn

    def add_group(self, name: str, *members: str) -> str:
        dn = f"cn={name},ou=groups,{BASE}"
        self._add(dn, ["groupOfNames"], {"cn": name, "member": list(members)})
        return dn

    def remove(self, dn: str) -> None:
        with self._keeper() as connection:
            assert connection.delete(dn), connection.result

    def clear(self) -> None:
        with self._keeper() as connection:
            for place in ("people", "groups"):
                connection.search(f"ou={place},{BASE}", "(objectClass=*)", attributes=["cn"])
                for dn in [row["dn"] for row in connection.response or [] if not row["dn"].startswith("ou=")]:
                    connection.delete(dn)

    def _add(self, dn: str, classes: list[str], attributes: dict[str, Any]) -> None:
        with self._keeper() as connection:
            assert connection.add(dn, classes, attributes), connection.result

    @contextmanager
    def _keeper(self) -> Iterator[Connection]:
        server = Server("127.0.0.1", self.ports["ldap"], get_info="NO_INFO")
        with Connection(server, KEEPER, SECRET, auto_bind=True, check_names=False) as connection:
            yield connection


@contextmanager
def running(kind: str, folder: Path) -> Iterator[House]:
    write_certificate(folder)
    start = _start_slapd if kind == "slapd" else _start_twisted
    process, ports = start(folder)
    house = House(kind, ports, folder)
    try:
        for name in ("people", "groups"):
            house._add(f"ou={name},{BASE}", ["organizationalUnit"], {"ou": name})
        yield house
    finally:
        process.terminate()
        process.wait(10)


def write_certificate(folder: Path, host: str = "localhost") -> None:
    """``key.pem`` and ``cert.pem``, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    builder = builder.add_extension(authority, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))


def _start_twisted(folder: Path) -> tuple[subprocess.Popen[str], dict[str, int]]:
    tree = f"dn: {BASE}\nobjectClass: dcObject\ndc: example\n\n"
    tree += f"dn: {KEEPER}\nobjectClass: person\ncn: keeper\nuserPassword: {SECRET}\n\n"
    (folder / "tree.ldif").write_text(tree)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.accounts.ldap_server", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def _start_slapd(folder: Path) -> tuple[subprocess.Popen[str], dict[str, int]]:
    program = Path(str(shutil.which("slapd")))
    schemas = program.parents[2] / "etc/ldap/schema"
    lines = [f"include {schemas / name}.schema" for name in ("core", "cosine", "inetorgperson")]
    lines += [f"modulepath {program.parents[1] / 'lib/ldap'}", "moduleload back_mdb"]
    lines += [f"TLSCertificateFile {folder / 'cert.pem'}", f"TLSCertificateKeyFile {folder / 'key.pem'}"]
    lines += ["database mdb", f"suffix {BASE}", f"directory {folder}", f'rootdn "{KEEPER}"', f'rootpw "{SECRET}"']
    (folder / "slapd.conf").write_text("\n".join(lines) + "\n")
    ports = {"ldap": free_port(), "ldaps": free_port()}
    urls = " ".join(f"{kind}://127.0.0.1:{port}/" for kind, port in ports.items())
    process = subprocess.Popen([str(program), "-h", urls, "-f", str(folder / "slapd.conf"), "-d", "0"], text=True)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", ports["ldaps"])) == 0:
                break
        time.sleep(0.05)
    House("slapd", ports, folder)._add(BASE, ["dcObject", "organization"], {"dc": "example", "o": "Haldenrook"})
    return process, ports


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
