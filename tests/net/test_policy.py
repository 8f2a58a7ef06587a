"""Which addresses the dialler may reach."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.net.policy import NetworkPolicy, address_refusal, port_refusal

OPEN = NetworkPolicy()
CLOSED = NetworkPolicy(allow_private=False, allow_loopback=False)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "255.255.255.255",
        "240.0.0.1",
        "4000::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
    ],
)
def test_dangerous_addresses_are_closed_whatever_the_settings(address: str) -> None:
    assert address_refusal(address, OPEN).startswith(address)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "100.64.0.1",
        "fc00::1",
        "fec0::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
    ],
)
def test_private_addresses_are_open_until_the_deployment_closes_them(address: str) -> None:
    assert address_refusal(address, OPEN) == ""
    assert "private" in address_refusal(address, CLOSED)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::1"])
def test_loopback_is_open_until_the_deployment_closes_it(address: str) -> None:
    assert address_refusal(address, OPEN) == ""
    assert "loopback" in address_refusal(address, CLOSED)


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_open_even_when_everything_else_is_closed(address: str) -> None:
    assert address_refusal(address, CLOSED) == ""


def test_only_listed_ports_are_open_when_a_list_is_given() -> None:
    policy = NetworkPolicy(ports=(25, 465, 587))
    assert port_refusal(587, policy) == ""
    assert "22" in port_refusal(22, policy)
    assert port_refusal(22, OPEN) == ""


@settings(max_examples=60, deadline=None)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_inside_ipv6_is_judged_like_itself(address: ipaddress.IPv4Address) -> None:
    alone = bool(address_refusal(str(address), CLOSED))
    number = int(address)
    for form in ((0xFFFF << 32) | number, (0x64FF9B << 96) | number):
        assert bool(address_refusal(str(ipaddress.IPv6Address(form)), CLOSED)) == alone
