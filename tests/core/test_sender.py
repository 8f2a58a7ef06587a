"""P5: who a message comes from on each kind of route."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailadmin.core.addresses import Address, parse
from mailadmin.core.sender import Sender, choose, listed
from mailadmin.core.settings import (
    OAuthRoute,
    Route,
    RouteKey,
    RouteKind,
    SenderPolicy,
    SenderRules,
    SmtpRoute,
)

few = settings(max_examples=80, deadline=None)
SHOP = parse("Shop <shop@contoso.org>")
DEFAULT = parse("webmaster@localhost")
MISSING = {"webmaster@localhost", "root@localhost"}
RELAY = "no-reply@relay.example"
ROBOT = "robot@contoso.org"


def smtp(policy: SenderPolicy, **rules: object) -> SmtpRoute:
    sender = SenderRules(policy=policy, **({"address": RELAY} | rules))  # type: ignore[arg-type] # a table of fields
    return SmtpRoute(RouteKey(RouteKind.SMTP, "1"), "Relay", sender=sender, host="smtp.example.org")


def oauth(**rules: object) -> OAuthRoute:
    sender = SenderRules(address=ROBOT, policy=SenderPolicy.FORCE, **rules)  # type: ignore[arg-type] # likewise
    return OAuthRoute(RouteKey(RouteKind.OAUTH, "1"), "Office 365", sender=sender, identity=ROBOT)


def sends(route: Route, given: Address | None, envelope: str = "") -> Sender | None:
    return choose(route, given, envelope or (given.spec if given else ""), MISSING, DEFAULT)


class TestSmtp:
    def test_keep_leaves_the_messages_own_from(self) -> None:
        assert sends(smtp(SenderPolicy.KEEP), SHOP) == Sender("shop@contoso.org")

    def test_keep_leaves_even_what_django_filled_in(self) -> None:
        assert sends(smtp(SenderPolicy.KEEP), DEFAULT) == Sender("webmaster@localhost")

    def test_when_missing_leaves_an_own_from(self) -> None:
        assert sends(smtp(SenderPolicy.WHEN_MISSING), SHOP) == Sender("shop@contoso.org")

    @pytest.mark.parametrize("filled_in", ["webmaster@localhost", "Site <Webmaster@LOCALHOST>", "root@localhost"])
    def test_when_missing_replaces_what_django_filled_in_without_a_reply_to(self, filled_in: str) -> None:
        sender = sends(smtp(SenderPolicy.WHEN_MISSING, name="Relay"), parse(filled_in))
        assert sender == Sender(RELAY, ("Relay", RELAY))

    def test_force_replaces_every_from_and_the_original_becomes_reply_to(self) -> None:
        assert sends(smtp(SenderPolicy.FORCE), SHOP) == Sender(RELAY, ("Shop", RELAY), SHOP)
        assert sends(smtp(SenderPolicy.FORCE, name="Relay"), SHOP) == Sender(RELAY, ("Relay", RELAY), SHOP)

    def test_force_on_the_same_address_changes_nothing_but_the_name_asked_for(self) -> None:
        own = parse(f"Any <{RELAY.upper()}>")
        assert sends(smtp(SenderPolicy.FORCE), own) == Sender(RELAY)
        assert sends(smtp(SenderPolicy.FORCE, name="Relay"), own) == Sender(RELAY, ("Relay", RELAY))

    @pytest.mark.parametrize("policy", SenderPolicy)
    def test_s16_without_a_from_the_connections_own_serves(self, policy: SenderPolicy) -> None:
        assert sends(smtp(policy), None) == Sender(RELAY, ("", RELAY))

    @pytest.mark.parametrize("policy", SenderPolicy)
    def test_s16_then_the_default_from_email(self, policy: SenderPolicy) -> None:
        assert sends(smtp(policy, address=""), None) == Sender("webmaster@localhost", ("", "webmaster@localhost"))

    def test_s16_and_without_any_there_is_no_sender(self) -> None:
        assert choose(smtp(SenderPolicy.KEEP, address=""), None, "", MISSING, None) is None

    @pytest.mark.parametrize("policy", SenderPolicy)
    @pytest.mark.parametrize("given", [SHOP, DEFAULT, None])
    def test_the_envelope_sender_of_the_connection_wins(self, policy: SenderPolicy, given: Address | None) -> None:
        sender = sends(smtp(policy, envelope="bounce@relay.example"), given)
        assert sender is not None
        assert sender.envelope == "bounce@relay.example"

    def test_the_messages_own_envelope_sender_stays_with_its_from(self) -> None:
        sender = sends(smtp(SenderPolicy.KEEP), SHOP, "bounces@contoso.org")
        assert sender == Sender("bounces@contoso.org")


class TestOAuth:
    def test_the_identity_sends_as_itself(self) -> None:
        assert sends(oauth(), parse("Robot <ROBOT@contoso.org>")) == Sender("ROBOT@contoso.org")

    @pytest.mark.parametrize("send_as", ["shop@contoso.org", "contoso.org"])
    def test_listed_send_as_addresses_and_domains_are_kept(self, send_as: str) -> None:
        assert sends(oauth(send_as=(send_as,)), SHOP) == Sender("shop@contoso.org")

    @pytest.mark.parametrize("send_as", ["contoso.net", "oso.org", "eve@contoso.org"])
    def test_any_other_from_becomes_the_identity_and_moves_to_reply_to(self, send_as: str) -> None:
        assert sends(oauth(send_as=(send_as,)), SHOP) == Sender(ROBOT, ("Shop", ROBOT), SHOP)

    def test_what_django_filled_in_does_not_move_to_reply_to(self) -> None:
        assert sends(oauth(), DEFAULT) == Sender(ROBOT, ("", ROBOT))
        assert sends(oauth(), None) == Sender(ROBOT, ("", ROBOT))


def test_a_domain_stands_for_its_addresses_and_not_for_its_sub_domains() -> None:
    assert listed(SHOP, ("contoso.org",))
    assert not listed(parse("a@mail.contoso.org"), ("contoso.org",))
    assert listed(parse("a@bücher.example"), ("xn--bcher-kva.example",))


routes = st.one_of(
    st.sampled_from(list(SenderPolicy)).map(smtp),
    st.sampled_from(list(SenderPolicy)).map(lambda policy: smtp(policy, address="")),
    st.just(oauth()),
)
senders = st.sampled_from([SHOP, DEFAULT, None, parse(ROBOT), parse(RELAY), parse("Bücher <a@bücher.example>")])


@given(routes, senders)
@few
def test_an_original_from_is_never_lost(route: Route, given_from: Address | None) -> None:
    sender = sends(route, given_from)
    assert sender is not None
    assert sender.envelope
    if given_from is None or given_from.key in MISSING:
        assert sender.reply_to is None
    elif sender.header is not None and sender.header[1].lower() != given_from.key:
        assert sender.reply_to == given_from
