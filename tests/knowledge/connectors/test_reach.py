"""Which addresses may be asked, and which never."""

from __future__ import annotations

import pytest

from app.errors import BadInputError
from knowledge.fetching.errors import RefusedError, UnansweredError
from knowledge.fetching.reach import Reach, word

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
CLOSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


def reach_to(*addresses: str, words: list[str] | None = None) -> Reach:
    return Reach(words or [], resolve=lambda host, port: list(addresses))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert reach_to(address).addresses("a.example", 443) == [address]


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_of_inner_networks_may_not(address: str) -> None:
    with pytest.raises(RefusedError):
        reach_to(address).addresses("a.example", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"])
def test_other_spellings_of_loopback_are_seen_through(host: str) -> None:
    with pytest.raises(RefusedError):
        Reach().addresses(host, 80)


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(RefusedError):
        reach_to("93.184.216.34", "10.0.0.1").addresses("a.example", 80)


@pytest.mark.parametrize("port", [22, 25, 3306, 5432, 6379, 8000, 11211])
def test_other_ports_are_not_asked(port: int) -> None:
    with pytest.raises(RefusedError):
        reach_to("93.184.216.34").addresses("a.example", port)


def test_a_named_host_is_let_in_and_no_other() -> None:
    reach = reach_to("10.0.0.5", words=["wiki.corp.example", "*.intra.example", "10.0.0.9:9000"])
    assert reach.addresses("WIKI.corp.example.", 443) == ["10.0.0.5"]
    assert reach.addresses("a.b.intra.example", 443) == ["10.0.0.5"]
    for host, port in (("corp.example", 443), ("intra.example", 443), ("evilintra.example", 443), ("10.0.0.9", 80)):
        with pytest.raises(RefusedError):
            reach.addresses(host, port)


def test_a_network_is_let_in_at_the_usual_ports() -> None:
    reach = reach_to("10.1.2.3", words=["10.1.0.0/16", "fd12::/16"])
    assert reach.addresses("a.example", 8080)
    with pytest.raises(RefusedError):
        reach.addresses("a.example", 9000)
    with pytest.raises(RefusedError):
        reach_to("10.2.0.1", words=["10.1.0.0/16"]).addresses("a.example", 80)


def test_a_host_with_a_port_opens_that_port_alone() -> None:
    reach = reach_to("10.0.0.5", words=["minio.example:9000", "[fd12::1]:9000"])
    assert reach.addresses("minio.example", 9000)
    for port in (80, 9001):
        with pytest.raises(RefusedError):
            reach.addresses("minio.example", port)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "fd00:ec2::254", "0.0.0.0", "::ffff:a9fe:a9fe"]
)
def test_the_credentials_of_clouds_stay_closed_whatever_is_let_in(address: str) -> None:
    with pytest.raises(RefusedError):
        reach_to(address, words=["0.0.0.0/0", "::/0", "a.example"]).addresses("a.example", 80)


def test_an_unknown_name_does_not_answer() -> None:
    with pytest.raises(UnansweredError):
        Reach().addresses("nothing.invalid", 80)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "host:port", "", ":80", "*."])
def test_a_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(BadInputError, match="SOURCE_HOSTS"):
        word(entry)
