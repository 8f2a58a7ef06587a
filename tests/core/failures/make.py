"""Short ways to write failures down, with the words that real servers use."""

from __future__ import annotations

from mailadmin.core.fault import Fault, Kind, Phase

HOST = "mail.example.org"
OFFICE = "smtp.office365.com"
GRAPH = "graph.microsoft.com"
LOGIN = "login.microsoftonline.com"
ADA = "ada@example.org"


def smtp(phase: Phase, said: str, host: str = HOST) -> Fault:
    """Return the failure that a reply such as "535 5.7.8 Bad credentials" makes."""
    code, *words = said.split()
    enhanced = words[0] if words and words[0].count(".") == 2 and words[0][0] in "245" else ""
    recipient = ADA if phase is Phase.RECIPIENT and code != "421" else ""
    return Fault(phase, Kind.REPLY, said, host, 587, smtp_code=int(code), enhanced=enhanced, recipient=recipient)


def ours(kind: Kind, text: str = "", phase: Phase = Phase.SETTINGS) -> Fault:
    """Return a failure of our own settings or of the message."""
    return Fault(phase, kind, text)


def line(kind: Kind, phase: Phase = Phase.TCP, text: str = "", host: str = HOST, port: int = 587) -> Fault:
    """Return a failure of the line or of TLS."""
    return Fault(phase, kind, text, host, port)


def entra(aadsts: str, text: str = "", status: int = 400) -> Fault:
    """Return a refusal of the token endpoint."""
    said = f"AADSTS{aadsts}: {text}" if aadsts else text
    return Fault(Phase.TOKEN, Kind.TOKEN_REFUSED, said, LOGIN, 443, http_status=status, aadsts=aadsts)


def graph(status: int, code: str = "", text: str = "", retry_after: float | None = None) -> Fault:
    """Return an answer of Graph to sendMail."""
    unclear = status < 300 or (status >= 500 and not code and retry_after is None)
    return Fault(
        Phase.GRAPH,
        Kind.HTTP_STATUS,
        text,
        GRAPH,
        443,
        http_status=status,
        graph_code=code,
        retry_after=retry_after,
        maybe_sent=unclear or status in (500, 502, 504),
    )


def http(phase: Phase, kind: Kind, status: int | None = None, maybe_sent: bool = False) -> Fault:
    """Return an answer of a sign-in or Graph host that is not theirs."""
    return Fault(phase, kind, "", GRAPH, 443, http_status=status, maybe_sent=maybe_sent)
