"""From the words of an error, as somebody pastes them, to the entries that explain it (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .fault import Fault, Kind, Phase
from .knowledge import Entry, best, entries, entry_of
from .limits import LOOKUP_CHARS
from .terms import Owner

# Replies of RFC 5321 and of its extensions, so that a port or a year is not taken for one.
_REPLIES = "421 432 450 451 452 454 455 500 501 502 503 504 521 523 524 525 530 534 535 538 541 550 551 552 553 554"
_REPLY = re.compile(rf"(?<![\w.:/]){'(' + '|'.join((*_REPLIES.split(), '555', '556', '571')) + ')'}(?![\w.:]*\d)")
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")  # RFC 3463; no network address
_AADSTS = re.compile(r"AADSTS(\d+)", re.IGNORECASE)
_HTTP = re.compile(r"(?:HTTP\S*|status(?: code)?:?) ?(\d{3})\b|\b(40[0134]|413|415|429)\b", re.IGNORECASE)
_GRAPH = re.compile(r"\"code\":\s*\"(\w+)\"|\b(Error[A-Z]\w+)")
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

# Where a reply may have come. A bounce of Postfix or Exim, or Python's error, says which it was.
_TALK = (Phase.AUTH, Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.GREETING, Phase.TLS)
_SIGN_IN_ALONE = ("524", "525", "534", "535", "538")  # RFC 4954 section 6, RFC 5248
_SAID_AT = (
    (re.compile(r"RCPT TO|RecipientsRefused", re.IGNORECASE), Phase.RECIPIENT),
    (re.compile(r"MAIL FROM|SenderRefused", re.IGNORECASE), Phase.SENDER),
    (re.compile(r"end of DATA|SMTPDataError", re.IGNORECASE), Phase.DATA),
    (re.compile(r"AuthenticationError", re.IGNORECASE), Phase.AUTH),
)
# What operating systems, Python and OpenSSL say when no server spoke.
_MACHINE = tuple(
    (re.compile(pattern, re.IGNORECASE), phase, kind)
    for pattern, phase, kind in (
        (r"certificate has expired|CERT_HAS_EXPIRED", Phase.TLS, Kind.CERT_EXPIRED),
        (r"certificate is not yet valid", Phase.TLS, Kind.CERT_NOT_YET_VALID),
        (r"host ?name mismatch|doesn't match|not valid for", Phase.TLS, Kind.CERT_WRONG_NAME),
        (r"self[- ]signed certificate in (the )?certificate chain", Phase.TLS, Kind.CERT_UNKNOWN_ISSUER),
        (r"self[- ]signed certificate", Phase.TLS, Kind.CERT_SELF_SIGNED),
        (r"unable to get (local )?issuer|unable to verify the first", Phase.TLS, Kind.CERT_UNKNOWN_ISSUER),
        (r"certificate revoked", Phase.TLS, Kind.CERT_REVOKED),
        (r"wrong.version.number|record layer failure|unknown protocol", Phase.TLS, Kind.PLAIN_EXPECTED),
        (r"unsupported.protocol|alert protocol version", Phase.TLS, Kind.TLS_TOO_OLD),
        (r"STARTTLS (extension )?not supported", Phase.TLS, Kind.STARTTLS_MISSING),
        (r"handshake failure|SSLError|\[SSL", Phase.TLS, Kind.TLS_BROKEN),
        (r"407 Proxy|proxy authentication", Phase.PROXY, Kind.PROXY_SIGN_IN),
        (r"no suitable authentication|AUTH extension not supported", Phase.AUTH, Kind.MECHANISM_MISSING),
        (r"temporary failure in name resolution|SERVFAIL", Phase.DNS, Kind.DNS_FAILED),
        (
            r"name or service not known|nodename nor servname|getaddrinfo|NXDOMAIN|no such host|could not resolve",
            Phase.DNS,
            Kind.DNS_NOT_FOUND,
        ),
        (r"connection refused|ECONNREFUSED|\[Errno 111\]|WinError 10061", Phase.TCP, Kind.TCP_REFUSED),
        (r"unreachable|no route to host|\[Errno 11[03]\]", Phase.TCP, Kind.TCP_UNREACHABLE),
        (r"timed out|time-?out|ETIMEDOUT", Phase.TCP, Kind.TCP_TIMEOUT),
        (r"unexpectedly closed|connection reset|ECONNRESET|broken pipe", Phase.SENDER, Kind.CLOSED),
    )
)


@dataclass(frozen=True)
class Found:
    """What explains a pasted text: `best` with certainty, `others` at another step or by their words alone."""

    best: tuple[Entry, ...] = ()
    others: tuple[Entry, ...] = ()


def look_up(text: str) -> Found:
    """Return the entries for `text`: an id, an answer of a server, a code, an exception of Python, or some words."""
    text = text.strip()[:LOOKUP_CHARS]
    if not text:
        return Found()
    if _ID.fullmatch(text) and (named := entry_of(text)):
        return Found((named,))
    weights: dict[Entry, int] = {}
    for fault in faults_in(text):
        weight, entry = best(fault)
        weights[entry] = max(weight, weights.get(entry, 0))
    by_code = sorted(weights, key=weights.__getitem__, reverse=True)
    sure = [entry for entry in by_code if weights[entry] == weights[by_code[0]]]
    by_words = [entry for entry in _by_words(text) if entry not in weights]
    return Found(tuple(sure), (*by_code[len(sure) :], *by_words))


def faults_in(text: str) -> Iterator[Fault]:
    """Yield the failures that `text` may be about."""
    host = next((name for name in _HOST.findall(text) if _is_known(name)), "")
    http = _HTTP.search(text)
    status = int(http[1] or http[2]) if http else None
    if code := _AADSTS.search(text):
        yield Fault(Phase.TOKEN, Kind.TOKEN_REFUSED, text, host, http_status=status or 400, aadsts=code[1])
    elif graph := _graph_code(text):
        yield from (
            Fault(Phase.GRAPH, Kind.HTTP_STATUS, text, host, http_status=one, graph_code=graph, maybe_sent=sent)
            for one, sent in _statuses(status)
        )
    elif reply := _REPLY.search(text) if not (http and http[1]) else None:
        enhanced = _ENHANCED.search(text)
        told = [phase for pattern, phase in _SAID_AT if pattern.search(text)]
        for phase in (Phase.AUTH,) if reply[1] in _SIGN_IN_ALONE else told or _TALK:
            yield Fault(
                phase, Kind.REPLY, text, host, smtp_code=int(reply[1]), enhanced=enhanced[1] if enhanced else ""
            )
    elif enhanced := _ENHANCED.search(text):
        guess = 450 if enhanced[1].startswith("4") else 550
        yield from (Fault(phase, Kind.REPLY, text, host, smtp_code=guess, enhanced=enhanced[1]) for phase in _TALK)
    elif status:
        yield Fault(Phase.GRAPH, Kind.HTTP_STATUS, text, host, http_status=status, maybe_sent=status >= 500)
    elif said := next(((phase, kind) for pattern, phase, kind in _MACHINE if pattern.search(text)), None):
        yield Fault(*said, text, host)


def _statuses(status: int | None) -> list[tuple[int, bool]]:
    """Return with which statuses a code of Graph may have come, and whether the message may have been taken then."""
    return (
        [(status, status >= 500)] if status else [(400, False), (403, False), (404, False), (429, False), (500, True)]
    )


def _graph_code(text: str) -> str:
    """Return the error code of Graph in `text`: one that is known, or what looks like one."""
    known = {code.lower(): code for entry in entries() for match in entry.matches for code in match.graph}
    words = re.findall(r"\w+", text)
    named = next((known[word.lower()] for word in words if len(word) > 8 and word.lower() in known), "")
    found = _GRAPH.search(text)
    return named or (found[1] or found[2] if found else "")


def _is_known(host: str) -> bool:
    """Tell whether some entry speaks of this host."""
    return any(match.host and match.host.search(host) for entry in entries() for match in entry.matches)


def _by_words(text: str) -> list[Entry]:
    """Return the entries that hold every word of `text`, those with more of them in their title first."""
    words = [word for word in re.findall(r"[\w.@]+", text.lower()) if len(word) > 1]
    found = []
    for entry in entries():
        known = entry.explained()
        # Whoever reads the pages in another language may have the English words at hand.
        title = f"{known.title} {entry.title}".lower()
        every = (entry.id, known.cause, entry.cause, *known.remedy, *entry.remedy)
        all_text = " ".join((title, *every)).lower()
        if words and all(word in all_text for word in words):
            found.append((-sum(word in title for word in words), entry))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def of_owner(found: Found, owner: Owner | None) -> Found:
    """Return `found` with the entries of one owner alone, all of them without an owner."""
    if owner is None:
        return found
    chosen = (tuple(entry for entry in some if entry.owner is owner) for some in (found.best, found.others))
    return Found(*chosen)
