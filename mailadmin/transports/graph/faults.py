"""What an answer of Microsoft Graph to sendMail means (pure).

Sources: learn.microsoft.com, "Microsoft Graph error responses and resource types" and "throttling".
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import entries
from mailadmin.core.redact import clean
from mailadmin.net.http import Answer

ACCEPTED = 202
_DEPTH = 10  # innerError may nest; deeper than this is not Graph's
_CODE_CHARS = 100


def graph_fault(answer: Answer, host: str, port: int) -> Fault | None:
    """Return what is wrong with an answer to sendMail, or None for 202, the only success.

    `maybe_sent` is set where the message may have been taken all the same: another 2xx, a 5xx without a
    clear refusal.
    """
    if answer.status == ACCEPTED:
        return None
    codes, message, request_id = _error_of(answer.json)
    code = next((code for code in reversed(codes) if code in _known_codes()), codes[0] if codes else "")
    redirect = 300 <= answer.status < 400
    return Fault(
        Phase.GRAPH,
        Kind.HTTP_REDIRECT if redirect else Kind.HTTP_STATUS if codes else _kind(answer),
        clean(message) or _words(answer),
        host=host,
        port=port,
        http_status=answer.status,
        graph_code=code,
        maybe_sent=_maybe_sent(answer, bool(codes)),
        retry_after=answer.retry_after,
        request_id=clean(answer.headers.get("request-id", "") or request_id, limit=_CODE_CHARS),
    )


def _maybe_sent(answer: Answer, graph_answered: bool) -> bool:
    if answer.status == 503:
        return not graph_answered and answer.retry_after is None
    if answer.status == 507:  # a full mailbox, when Graph says so itself
        return not graph_answered
    return answer.status < 300 or answer.status >= 500


def _kind(answer: Answer) -> Kind:
    """Return the kind for an answer without Graph's error body: a page of something in between, or just
    a status."""
    return Kind.HTTP_ANSWER if answer.body.lstrip()[:1] == b"<" else Kind.HTTP_STATUS


def _words(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return f"Graph answered with a redirect (HTTP {answer.status}), which is not followed."
    return f"The answer was HTTP {answer.status} without an error that Graph gives."


def _error_of(body: Any) -> tuple[list[str], str, str]:
    """Return the codes of Graph's error body from the outermost to the innermost, its message, and the
    request id."""
    error = body.get("error") if isinstance(body, dict) else None
    codes: list[str] = []
    message = request_id = ""
    for _ in range(_DEPTH):
        if not isinstance(error, dict):
            break
        if isinstance(error.get("code"), str) and error["code"]:
            codes.append(clean(error["code"], limit=_CODE_CHARS))
        message = message or str(error.get("message") or "")
        request_id = request_id or str(error.get("request-id") or "")
        error = error.get("innerError") or error.get("innererror")
    return codes, message, request_id


@cache
def _known_codes() -> frozenset[str]:
    return frozenset(code for entry in entries() for match in entry.matches for code in match.graph)
