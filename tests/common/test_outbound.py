"""Which addresses tenants' URLs may lead to."""

import pytest

from libs.common.outbound import OutboundPolicy, host_of, parse_address

PRODUCTION = OutboundPolicy(allow_private=False, trusted_hosts=frozenset({"vllm.internal"}))
LOCAL = OutboundPolicy(allow_private=True)

PRIVATE = [
    "0.0.0.0",
    "10.1.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00::1",
    "fec0::1",
    "ff02::1",
]
METADATA = ["169.254.169.254", "100.100.100.200", "fe80::1", "fe80::1%1", "fd00:ec2::254"]
PUBLIC = ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"]


def may_connect(policy: OutboundPolicy, host: str) -> bool:
    address = parse_address(host)
    assert address is not None
    return policy.may_connect(address)


@pytest.mark.parametrize("host", PRIVATE + METADATA)
def test_keeps_tenants_out_of_the_operators_network(host: str) -> None:
    assert not may_connect(PRODUCTION, host)


@pytest.mark.parametrize("host", METADATA)
def test_never_reaches_metadata_services(host: str) -> None:
    assert not may_connect(LOCAL, host)


@pytest.mark.parametrize("host", PUBLIC)
def test_lets_them_reach_the_internet(host: str) -> None:
    assert may_connect(PRODUCTION, host)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.1.1", "192.168.1.1"])
def test_lets_a_developers_machine_call_its_neighbours(host: str) -> None:
    assert may_connect(LOCAL, host)


def test_trusts_the_operators_word_about_hosts() -> None:
    assert PRODUCTION.trusts("http://VLLM.internal:8000/v1")
    assert PRODUCTION.trusts("http://vllm.internal./v1")
    assert not PRODUCTION.trusts("http://vllm.internal.evil.example/v1")
    assert not PRODUCTION.trusts("http://evil.example/vllm.internal")
    assert not PRODUCTION.trusts("http://vllm.internal@evil.example/")
    assert not PRODUCTION.trusts("http://[::1/v1")


def test_a_url_without_a_host_names_none() -> None:
    assert host_of("file:///etc/passwd") == ""
