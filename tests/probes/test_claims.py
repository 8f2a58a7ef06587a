"""N1, P13: what a token says of itself, explained against the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailadmin.core.clouds import CLOUDS, cloud
from mailadmin.core.settings import EntraApp
from mailadmin.probes import claims

TENANT, CLIENT = "11111111-2222-4333-8444-555555555555", "3c1d22aa-86f1-41af-91ab-2d7cd011db47"
APP = EntraApp("1", "App", CLOUDS["global"], TENANT, CLIENT)
GRAPH = (APP.cloud.graph_scope,)


@pytest.mark.parametrize(
    ("audience", "scopes"),
    [
        ("https://graph.microsoft.com", GRAPH),
        ("https://graph.microsoft.com/", GRAPH),
        (claims.GRAPH_ID, GRAPH),
        ("https://outlook.office365.com", (APP.cloud.smtp_scope,)),
        (claims.EXCHANGE_ID, (APP.cloud.smtp_scope,)),
        ("", GRAPH),
        ("https://graph.microsoft.com", ("odd",)),
    ],
)
def test_a_fitting_audience_says_nothing(audience: str, scopes: tuple[str, ...]) -> None:
    assert claims.about_audience({"aud": audience}, APP, scopes) == []


def test_p13_a_token_of_another_cloud_is_explained() -> None:
    """P13."""
    (text,) = claims.about_audience({"aud": "https://graph.microsoft.us"}, APP, GRAPH)
    assert "graph.microsoft.us, not for Microsoft Graph at graph.microsoft.com" in text
    assert "“gcc-high”" in text
    assert "https://graph.microsoft.com/.default" in text


def test_a_token_for_another_service_is_explained() -> None:
    (text,) = claims.about_audience({"aud": claims.EXCHANGE_ID}, APP, GRAPH)
    assert claims.EXCHANGE_ID in text
    (text,) = claims.about_audience({"aud": "https://graph.microsoft.com"}, APP, (APP.cloud.smtp_scope,))
    assert "not for outlook.office365.com" in text
    own = replace(APP, cloud=cloud("custom", authority_host="login.local", graph_host="graph.local"))
    (text,) = claims.about_audience({"aud": "https://graph.microsoft.com"}, own, (own.cloud.graph_scope,))
    assert "“global”" in text


def test_a_token_of_another_tenant_or_app_is_explained() -> None:
    assert claims.about_identity({"tid": TENANT.upper(), "appid": CLIENT}, APP) == []
    found = claims.about_identity({"tid": CLIENT, "azp": TENANT}, APP)
    assert [CLIENT in found[0], TENANT in found[1]] == [True, True]
    by_domain = replace(APP, tenant="contoso.example", client_id="")
    assert claims.about_identity({"tid": CLIENT, "appid": TENANT}, by_domain) == []


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_whatever_stands_in_a_claim_nothing_breaks(value: Any) -> None:
    said = dict.fromkeys(("aud", "tid", "appid", "azp", "roles"), value)
    assert isinstance(claims.permissions(said), list)
    claims.wide(said)
    claims.about_audience(said, APP, GRAPH)
    claims.about_identity(said, APP)
    claims.about_send(said)
    claims.about_options(said, [("Option", ("Mail.Read",))])


def test_n1_the_claims_that_matter_are_told_by_their_names() -> None:
    said = {"aud": GRAPH[0], "tid": TENANT, "azp": CLIENT, "roles": ["Mail.Send"], "scp": "a b", "ver": "2.0", "exp": 0}
    assert claims.rows(said) == [
        ["Audience (aud)", GRAPH[0]],
        ["Tenant (tid)", TENANT],
        ["App (appid)", CLIENT],
        ["Application permissions (roles)", "Mail.Send"],
        ["Delegated permissions (scp)", "a b"],
        ["Version (ver)", "2.0"],
        ["Holds until (exp)", "1970-01-01 00:00:00 UTC"],
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
HOSTILE = {
    "aud": "https://[\x1b]0;title\x07" + "a" * 5000,
    "tid": "other\x00tenant\n\u202e" + "t" * 5000,
    "appid": "other\x9bapp" + "c" * 5000,
    "roles": ["Mail.Send\x00\x1b[31m" + "r" * 5000, {"odd": 1}],
}


def test_what_a_token_says_is_fit_to_be_shown_and_stored_in_every_sentence() -> None:
    """A zero byte would end the test on PostgreSQL, an escape sequence would reach the terminal."""
    sentences = [
        *claims.about_audience(HOSTILE, APP, GRAPH),
        *claims.about_identity(HOSTILE, APP),
        *claims.permissions(HOSTILE),
        *(text for _, text in claims.rows(HOSTILE)),
    ]
    assert len(sentences) > 6
    for sentence in sentences:
        assert sentence.isprintable()
        assert len(sentence) < 600


KNOWN = ["aud", "tid", "appid", "azp", "app_displayname", "roles", "scp", "idtyp", "ver", "iat", "exp"]


@given(st.dictionaries(st.sampled_from(KNOWN), JSON))
def test_whatever_a_token_says_its_rows_are_short_and_printable(said: dict[str, Any]) -> None:
    for label, text in claims.rows(said):
        assert text
        assert "\n" not in text
        assert len(text) <= 210 or label.startswith("Application permissions")
