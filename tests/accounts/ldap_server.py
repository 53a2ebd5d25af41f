"""An LDAP server of its own process for tests: Twisted's, with ldaps, StartTLS and Active Directory's rule for groups.

``python -m tests.accounts.ldap_server FOLDER`` reads ``tree.ldif``, ``key.pem`` and ``cert.pem`` there, and writes its
two ports as JSON to standard output. Whoever may bind may write: tests change the tree over LDAP.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ldaptor import entryhelpers, inmemory, interfaces
from ldaptor.protocols import pureldap
from ldaptor.protocols.ldap import ldaperrors, ldapserver
from twisted.internet import reactor, ssl
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

NESTED = b"1.2.840.113556.1.4.1941"
_match = entryhelpers.MatchMixin.match


def match(self: Any, asked: Any) -> bool:
    """``(member:1.2.840…:=DN)``: whether the DN is in this group or in one inside it."""
    is_nested = isinstance(asked, pureldap.LDAPFilter_extensibleMatch) and asked.matchingRule is not None
    if not is_nested:
        return bool(_match(self, asked))
    assert asked.matchingRule.value == NESTED
    return _holds(self, asked.type.value, asked.matchValue.value.lower(), set())


def _holds(group: Any, attribute: bytes, dn: bytes, seen: set[bytes]) -> bool:
    inside = [
        str(one, "utf-8").lower().encode() if isinstance(one, bytes) else one.lower().encode()
        for one in group.get(attribute, [])
    ]
    if dn in inside:
        return True
    new = [one for one in inside if one not in seen]
    seen.update(new)
    return any(found is not None and _holds(found, attribute, dn, seen) for found in map(_by_dn, new))


def _by_dn(dn: bytes) -> Any:
    found: list[Any] = []
    Factory.root.subtree(callback=lambda one: found.append(one) if one.dn.getText().lower().encode() == dn else None)
    return found[0] if found else None


class Server(ldapserver.LDAPServer):  # type: ignore[misc]
    def extendedRequest_StartTLS(self, value: Any, reply: Any) -> Any:
        reply(pureldap.LDAPExtendedResponse(resultCode=ldaperrors.Success.resultCode, responseName=b""))
        self.transport.startTLS(self.factory.tls)

    extendedRequest_StartTLS.oid = b"1.3.6.1.4.1.1466.20037"  # type: ignore[attr-defined]


class Factory(ServerFactory):  # type: ignore[misc]
    protocol = Server
    root: Any = None
    tls: Any = None


def main(folder: Path) -> None:
    entryhelpers.MatchMixin.match = match
    registerAdapter(lambda factory: factory.root, Factory, interfaces.IConnectedLDAPEntry)
    factory = Factory()
    factory.tls = ssl.DefaultOpenSSLContextFactory(str(folder / "key.pem"), str(folder / "cert.pem"))

    def listen(root: Any) -> None:
        Factory.root = root
        plain = reactor.listenTCP(0, factory, interface="127.0.0.1")
        safe = reactor.listenSSL(0, factory, factory.tls, interface="127.0.0.1")
        ports = {"ldap": plain.getHost().port, "ldaps": safe.getHost().port}
        print(json.dumps(ports), flush=True)

    with (folder / "tree.ldif").open("rb") as file:
        reading = inmemory.fromLDIFFile(file)
    reading.addCallback(listen)
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
