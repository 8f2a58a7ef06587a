"""The knowledge base: each failure finds its entry, and the entries agree with the decisions on failover.

N2, N3: the same entry drives the ladder, the log, failover and retry. "Row" below means a row of the tables
in which the project decided what follows each failure.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mailadmin.core import knowledge
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import Entry, Failover, Health, Owner, entries, explain

from .failures import FAILURES
from .failures.make import graph, line, ours, smtp

BY_ID = {entry.id: entry for entry in entries()}
CASES = [
    pytest.param(entry, fault, id=f"{entry}-{n}") for entry, found in FAILURES.items() for n, fault in enumerate(found)
]
NEXT, LATER, FAIL, UNSURE = Failover.NEXT, Failover.LATER, Failover.FAIL, Failover.UNSURE
NONE, COUNT, TRIP, CONFIG = Health.NONE, Health.COUNT, Health.TRIP, Health.CONFIG
CERTIFICATE = [kind for kind in Kind if kind.value.startswith("cert-")]


@pytest.mark.parametrize(("entry", "fault"), CASES)
def test_a_real_failure_finds_its_entry(entry: str, fault: Fault) -> None:
    assert explain(fault).id == entry


def test_every_entry_has_a_case_but_the_net_below_all() -> None:
    assert set(BY_ID) - set(FAILURES) == {"unknown"}


def test_s16_every_connection_error_has_its_own_entry() -> None:
    """S16: no two rows of the table share an entry."""
    rows = [
        ours(Kind.ROUTE_INCOMPLETE, "The host is missing."),
        line(Kind.DNS_NOT_FOUND, Phase.DNS),
        ours(Kind.ROUTE_INCOMPLETE, "The port 0 is not between 1 and 65535."),
        line(Kind.TLS_EXPECTED, Phase.GREETING),
        line(Kind.PLAIN_EXPECTED, Phase.TLS),
        line(Kind.CERT_EXPIRED, Phase.TLS),
        line(Kind.CERT_UNKNOWN_ISSUER, Phase.TLS),
        line(Kind.CERT_UNKNOWN_ISSUER, Phase.TLS, "self-signed certificate in certificate chain"),
        line(Kind.CERT_WRONG_NAME, Phase.TLS),
        line(Kind.CRL_UNAVAILABLE, Phase.TLS, "The list is not to be had."),
        smtp(Phase.AUTH, "535 5.7.8 Bad credentials"),
        ours(Kind.BAD_MESSAGE, "No such file or directory: 'a.pdf'"),
        ours(Kind.BAD_MESSAGE, "Permission denied: 'a.pdf'"),
        ours(Kind.NO_ROUTE),
        ours(Kind.NO_RECIPIENTS),
        ours(Kind.NO_SENDER),
        ours(Kind.BAD_ADDRESS),
        line(Kind.TCP_LOCAL),
    ]
    assert len({explain(fault).id for fault in rows}) == len(rows)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_finds_an_entry_of_its_own_in_every_phase(kind: Kind) -> None:
    for phase in Phase:
        assert explain(Fault(phase, kind)).id != "unknown", phase


@pytest.mark.parametrize("code", [334, 421, 432, 450, 451, 452, 454, 500, 501, 530, 535, 550, 552, 554, 571])
def test_every_reply_finds_an_entry_by_its_first_digit_in_every_phase(code: int) -> None:
    for phase in Phase:
        found = explain(Fault(phase, Kind.REPLY, smtp_code=code))
        assert found.id != "unknown", phase
        assert not (400 <= code < 500) or found.retry or phase is Phase.TLS, phase


@pytest.mark.parametrize("code", [454, 500, 554])
def test_a_reply_code_does_not_hide_what_a_refused_starttls_says(code: int) -> None:
    assert explain(Fault(Phase.TLS, Kind.STARTTLS_REFUSED, smtp_code=code)).id == "starttls-refused"


@pytest.mark.parametrize("kind", Kind)
def test_what_may_have_been_sent_never_goes_by_another_route(kind: Kind) -> None:
    for phase in Phase:
        for code in (None, 250, 451, 550):
            found = explain(Fault(phase, kind, smtp_code=code, http_status=code, maybe_sent=True))
            assert found.failover is UNSURE, (phase, code)
            assert not found.retry


def test_the_net_below_all_fits_everything_and_goes_on() -> None:
    unknown = BY_ID["unknown"]
    assert unknown.weight(Fault(Phase.DATA, Kind.REPLY)) == 0
    assert unknown.failover is NEXT


# -- the decision tables ----------------------------------------------------------------------------------

SMTP_ROWS = [
    ("1", line(Kind.DNS_NOT_FOUND, Phase.DNS), NEXT, TRIP),  # policy stops the route after three
    ("2", line(Kind.DNS_FAILED, Phase.DNS), NEXT, TRIP),
    ("3", line(Kind.TCP_REFUSED), NEXT, TRIP),
    ("3", line(Kind.TCP_UNREACHABLE), NEXT, TRIP),
    ("4", line(Kind.TCP_TIMEOUT), NEXT, TRIP),
    ("5", smtp(Phase.GREETING, "421 busy"), NEXT, TRIP),
    ("5", smtp(Phase.GREETING, "450 busy"), NEXT, TRIP),
    ("6, 8", smtp(Phase.GREETING, "554 go away"), NEXT, CONFIG),
    ("7", line(Kind.NOT_SMTP, Phase.GREETING), NEXT, TRIP),
    ("7", line(Kind.TLS_EXPECTED, Phase.GREETING), NEXT, TRIP),
    ("7", line(Kind.TIMEOUT, Phase.GREETING), NEXT, TRIP),
    ("7", line(Kind.CLOSED, Phase.GREETING), NEXT, TRIP),
    ("9", line(Kind.STARTTLS_MISSING, Phase.TLS), NEXT, CONFIG),
    ("9", line(Kind.STARTTLS_REFUSED, Phase.TLS), NEXT, CONFIG),
    ("9", smtp(Phase.TLS, "454 4.7.0 TLS not available"), NEXT, CONFIG),
    ("9", line(Kind.TLS_BROKEN, Phase.TLS), NEXT, CONFIG),
    ("9", line(Kind.PLAIN_EXPECTED, Phase.TLS), NEXT, CONFIG),
    ("10", line(Kind.TLS_TOO_OLD, Phase.TLS), NEXT, CONFIG),
    *(("10", line(kind, Phase.TLS), NEXT, CONFIG) for kind in CERTIFICATE),
    *(("11", smtp(Phase.AUTH, f"{code} no"), NEXT, CONFIG) for code in (500, 504, 530, 534, 535, 538, 550)),
    ("11", smtp(Phase.AUTH, "550 5.7.30 Basic authentication is not supported"), NEXT, CONFIG),
    ("11", line(Kind.MECHANISM_MISSING, Phase.AUTH), NEXT, CONFIG),
    *(("12", smtp(Phase.AUTH, f"{code} later"), NEXT, TRIP) for code in (421, 432, 454)),
    *(("12", line(kind, Phase.AUTH), NEXT, TRIP) for kind in (Kind.CLOSED, Kind.TIMEOUT)),
    *(("13", smtp(Phase.SENDER, f"{code} later"), NEXT, TRIP) for code in (421, 450, 451)),
    *(("13", line(kind, Phase.SENDER), NEXT, TRIP) for kind in (Kind.CLOSED, Kind.TIMEOUT)),
    *(("14", smtp(Phase.SENDER, f"{code} 5.7.1 no"), NEXT, COUNT) for code in (530, 550, 553)),
    *(("15", smtp(phase, "552 5.3.4 too big"), NEXT, NONE) for phase in (Phase.SENDER, Phase.DATA)),
    *(("16", smtp(Phase.RECIPIENT, f"{said} later"), NEXT, NONE) for said in ("450", "451 4.3.0", "452 4.2.2")),
    *(("16", smtp(Phase.RECIPIENT, said), LATER, NONE) for said in ("450 4.7.1 later", "450 4.2.0 later")),
    *(("17", smtp(Phase.RECIPIENT, f"550 5.{said} no"), FAIL, NONE) for said in ("1.1", "1.2", "1.3", "2.1", "2.2")),
    *(("18", smtp(Phase.RECIPIENT, f"550 {said} no"), NEXT, COUNT) for said in ("5.7.1", "5.7.0", "5.3.2", "")),
    ("20", smtp(Phase.RECIPIENT, "452 4.5.3 too many recipients"), NEXT, NONE),
    *(("21", smtp(phase, "421 closing"), NEXT, TRIP) for phase in (Phase.RECIPIENT, Phase.DATA)),
    *(("21, 23", line(kind, phase), NEXT, TRIP)
      for kind in (Kind.CLOSED, Kind.TIMEOUT) for phase in (Phase.RECIPIENT, Phase.DATA)),
    *(("24", smtp(Phase.DATA, f"{said} no"), FAIL, COUNT) for said in ("554 5.6.0", "554 5.7.1", "550 5.7.1", "554")),
    ("24b", smtp(Phase.DATA, "554 5.2.252 SendAsDenied; not allowed to send as"), NEXT, COUNT),
    ("24b", smtp(Phase.DATA, "550 5.7.60 no permissions to send as this sender"), NEXT, COUNT),
    ("25", smtp(Phase.DATA, "451 4.3.0 later"), NEXT, TRIP),
    *(("26", Fault(Phase.DATA, kind, maybe_sent=True), UNSURE, TRIP)
      for kind in (Kind.CLOSED, Kind.TIMEOUT, Kind.OUT_OF_STEP)),
    *(("30", ours(kind, phase=Phase.MESSAGE), FAIL, NONE)
      for kind in (Kind.BAD_HEADER, Kind.BAD_ADDRESS, Kind.BAD_MESSAGE, Kind.NO_RECIPIENTS)),
    ("31", line(Kind.OUT_OF_STEP, Phase.RECIPIENT), NEXT, TRIP),
]  # fmt: skip


@pytest.mark.parametrize(("row", "fault", "failover", "health"), SMTP_ROWS)
def test_an_smtp_failure_is_followed_by_what_was_decided(
    row: str, fault: Fault, failover: Failover, health: Health
) -> None:
    found = explain(fault)
    assert (found.failover, found.health) == (failover, health), f"row {row}: {found.id}"


def _token(kind: Kind, status: int | None = None, aadsts: str = "") -> Fault:
    return Fault(Phase.TOKEN, kind, host="login.microsoftonline.com", http_status=status, aadsts=aadsts)


GRAPH_ROWS = [
    *(("G1", _token(Kind.TOKEN_REFUSED, 401, code), NEXT, CONFIG) for code in ("7000215", "7000222", "700027")),
    *(("G2", _token(Kind.TOKEN_REFUSED, 400, code), NEXT, CONFIG) for code in ("65001", "50076", "700016", "")),
    *(("G3", _token(Kind.HTTP_STATUS, status), NEXT, TRIP) for status in (429, 500, 503)),
    *(("G3", _token(kind), NEXT, TRIP) for kind in (Kind.TIMEOUT, Kind.CLOSED, Kind.HTTP_ANSWER)),
    ("G3", _token(Kind.TOKEN_REFUSED, 503, "90033"), NEXT, TRIP),
    *(("G4", line(kind, Phase.TLS, host="graph.microsoft.com"), NEXT, TRIP)
      for kind in (Kind.DNS_FAILED, Kind.TCP_REFUSED, Kind.TCP_TIMEOUT, Kind.TLS_BROKEN, *CERTIFICATE)),
    ("G5", graph(400, "ErrorInvalidRecipients"), FAIL, NONE),
    ("G5", graph(400, "SomethingNew"), FAIL, NONE),
    ("G5", graph(413), NEXT, NONE),
    ("G6", graph(401, "InvalidAuthenticationToken"), NEXT, CONFIG),
    ("G7", graph(403, "ErrorAccessDenied"), NEXT, CONFIG),
    ("G7", graph(403, "ErrorSendAsDenied"), NEXT, COUNT),
    ("G8", graph(404, "ErrorInvalidUser"), NEXT, CONFIG),
    ("G8", graph(404, "MailboxNotEnabledForRESTAPI"), NEXT, CONFIG),
    ("G9", graph(429, retry_after=10), LATER, TRIP),
    ("G9", graph(429), LATER, TRIP),
    ("G10", graph(503, "ErrorServerBusy"), LATER, TRIP),
    ("G10", graph(503, "SomethingNew"), LATER, TRIP),
    ("G10", graph(503, retry_after=10), LATER, TRIP),
    *(("G11", graph(status), UNSURE, TRIP) for status in (500, 502, 504)),
    ("G11", graph(500, "ErrorInternalServerError"), UNSURE, TRIP),
    *(("G12", Fault(Phase.GRAPH, kind, maybe_sent=True), UNSURE, TRIP) for kind in (Kind.TIMEOUT, Kind.CLOSED)),
    ("G13", line(Kind.CLOSED, Phase.GRAPH, host="graph.microsoft.com"), NEXT, TRIP),
    ("G15", graph(200), UNSURE, TRIP),
    ("G15", graph(503), UNSURE, TRIP),
    ("G15", graph(302), NEXT, CONFIG),
    ("G15", Fault(Phase.GRAPH, Kind.HTTP_REDIRECT, http_status=307), NEXT, CONFIG),
]  # fmt: skip


@pytest.mark.parametrize(("row", "fault", "failover", "health"), GRAPH_ROWS)
def test_a_graph_failure_is_followed_by_what_was_decided(
    row: str, fault: Fault, failover: Failover, health: Health
) -> None:
    found = explain(fault)
    assert (found.failover, found.health) == (failover, health), f"row {row}: {found.id}"


@pytest.mark.parametrize("entry", [entry for entry in BY_ID if entry.startswith("sender-") or "send-as" in entry])
def test_a_refusal_of_one_sender_never_stops_a_route_for_the_others(entry: str) -> None:
    assert BY_ID[entry].health is (TRIP if entry == "sender-4xx" else COUNT)


# -- the entries themselves -------------------------------------------------------------------------------

every_entry = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
SETTINGS = {
    *("host", "port", "security", "tls_minimum", "check_identity", "trusted_hosts", "ca_pem", "auth", "user_name"),
    *("password", "integrated_service", "tenant", "client_id", "secret", "service_identity", "scopes"),
    *("from_address", "send_as", "mechanism", "client_certificate", "certificate", "credential_kind"),
    *("requests_at_once", "large_messages", "messages_per_minute", "rate_messages", "wide_permission_ok", "cloud", ""),
}


@every_entry
def test_an_entry_tells_what_is_wrong_why_and_what_to_do(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", entry.id)
    assert entry.title.endswith((".", ").")) and len(entry.title) <= 120
    assert entry.cause.endswith(".")
    assert 1 <= len(entry.remedy) <= 4
    assert all(step[0].isupper() or step[0] == "{" for step in entry.remedy)
    assert entry.setting in SETTINGS


@every_entry
def test_an_unclear_or_final_failure_is_not_called_temporary(entry: Entry) -> None:
    assert not (entry.retry and entry.failover in (UNSURE, FAIL))
    assert not (entry.retry and entry.health is CONFIG)
    assert entry.failover is not LATER or entry.retry


@every_entry
def test_only_what_surely_did_not_leave_says_so(entry: Entry) -> None:
    told = f"{entry.title} {entry.cause}".lower()
    if entry.failover is UNSURE:
        assert "may have been" in told
        assert "only when it" in " ".join(entry.remedy)
    else:
        assert "may have been delivered" not in told


@pytest.mark.parametrize(("entry", "fault"), CASES)
def test_the_texts_are_filled_in_completely(entry: str, fault: Fault) -> None:
    for one in (fault, replace(fault, host="", port=None, recipient="")):
        found = explain(one)
        for text in (found.title, found.cause, *found.remedy):
            assert "{" not in text
            assert "  " not in text


def test_braces_in_a_servers_answer_stay_as_they_are() -> None:
    found = explain(smtp(Phase.AUTH, "535 {host} {0} {x.y} %s", host="{port}"))
    assert found.title == "Sign-in was refused by {port}."


def test_every_owner_has_words() -> None:
    assert all(owner.label for owner in Owner)
    assert {entry.owner for entry in entries()} == set(Owner)


def test_the_special_entry_wins_over_the_general_and_the_first_of_equals() -> None:
    general = smtp(Phase.AUTH, "535 no")
    assert explain(general).id == "credentials-refused"
    assert explain(replace(general, enhanced="5.7.139")).id == "microsoft-5-7-139"
    assert explain(replace(general, enhanced="5.7.139", text="the user credentials were incorrect")).id == (
        "microsoft-credentials"
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"owner": "nobody"},
        {"failover": "maybe"},
        {"typo": 1},
        {"match": {"kind": "no-such-kind"}},
        {"match": {"typo": 1}},
        {"match": {"text": "("}},
    ],
)
def test_a_broken_entry_is_named(broken: dict[str, object]) -> None:
    raw = {"id": "mine", "title": "T.", "cause": "C.", "remedy": ["R."], "owner": "you", "retry": False}
    raw |= {"failover": "next", "health": "none", "area": "other"}
    assert knowledge._entry(raw).id == "mine"
    with pytest.raises(ValueError, match="mine"):
        knowledge._entry({**raw, **broken})
