"""The clouds of Microsoft: hosts, scopes, and where a token may go."""

from __future__ import annotations

import pytest

from mailadmin.core.clouds import CLOUDS, CUSTOM, cloud


@pytest.mark.parametrize("name", CLOUDS)
def test_p13_s8_a_known_cloud_has_all_its_hosts_and_scopes(name: str) -> None:
    found = cloud(name)
    assert found.name == name
    assert found.authority_host.startswith("login.")
    assert found.graph_scope == f"https://{found.graph_host}/.default"
    assert found.smtp_scope.startswith("https://")
    assert found.smtp_scope.endswith("/.default")
    assert found.mail_hosts


def test_p13_no_mail_host_belongs_to_the_global_cloud_and_another() -> None:
    """A token is never valid in another cloud, and must not be sent there."""
    for name, other in CLOUDS.items():
        if name != "global":
            assert not set(other.mail_hosts) & set(CLOUDS["global"].mail_hosts)


def test_listed_mail_hosts_are_added_once() -> None:
    found = cloud("global", mail_hosts=("relay.example.org", "smtp.office365.com"), ca_pem="PEM")
    assert found.mail_hosts.count("smtp.office365.com") == 1
    assert found.mail_hosts[-1] == "relay.example.org"
    assert found.ca_pem == "PEM"


def test_the_hosts_of_a_known_cloud_cannot_be_changed() -> None:
    found = cloud("global", authority_host="evil.example", graph_host="evil.example")
    assert "evil.example" not in (found.authority_host, found.graph_host)


def test_p13_s8_the_custom_cloud_is_what_was_typed() -> None:
    found = cloud(CUSTOM, authority_host="localhost:8443", graph_host="localhost:8444", mail_hosts=("localhost",))
    assert found.graph_scope == "https://localhost:8444/.default"
    assert found.smtp_scope == "https://localhost/.default"


def test_the_custom_cloud_without_mail_hosts_lets_a_token_go_to_none() -> None:
    found = cloud(CUSTOM, authority_host="a", graph_host="b")
    assert found.mail_hosts == ()


def test_an_unknown_cloud_is_an_error() -> None:
    with pytest.raises(KeyError):
        cloud("germany")
