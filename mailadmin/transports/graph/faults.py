"""What an answer of Microsoft Graph means (pure).

Sources: learn.microsoft.com, "Microsoft Graph error responses and resource types" and "throttling".
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mailadmin.core import limits
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.knowledge import entries
from mailadmin.core.redact import clean
from mailadmin.core.texts import _
from mailadmin.net.http import Answer

ACCEPTED = 202
_THROTTLED, _UNAVAILABLE, _FULL = 429, 503, 507
_DEPTH = 10  # innerError may nest; deeper than this is not Graph's
_CODE_CHARS = 100


def graph_fault(answer: Answer, host: str, port: int, accepted: tuple[int, ...] = (ACCEPTED,)) -> Fault | None:
    """Return what is wrong with `answer`, or None when its status is one of `accepted`.

    `maybe_sent` is set where the message may have been taken all the same: the request was one that sends (202 alone
    is its success), and the answer is another 2xx, or a 5xx without a clear refusal.
    """
    if answer.status in accepted:
        return None
    codes, message, request_id = _error_of(answer.json)
    code = next((code for code in reversed(codes) if code in _known_codes()), codes[0] if codes else "")
    return Fault(
        Phase.GRAPH,
        _kind(answer, bool(codes)),
        clean(message) or _words(answer),
        host=host,
        port=port,
        http_status=answer.status,
        graph_code=code,
        maybe_sent=ACCEPTED in accepted and _maybe_sent(answer, bool(codes)),
        retry_after=answer.retry_after,
        request_id=clean(answer.headers.get("request-id", "") or request_id, limit=_CODE_CHARS),
    )


def pause_asked(answer: Answer) -> float | None:
    """Return for how many seconds Microsoft wants us to send nothing, None when it does not say so.

    A success may ask for it as well, which is pacing and nothing else. Without a time it is
    limits.GRAPH_PAUSE_SECONDS; never more than limits.GRAPH_MAX_PAUSE_SECONDS.
    """
    named = answer.retry_after
    if not refused_for_now(answer) and not (answer.status < 300 and named is not None):
        return None
    return min(limits.GRAPH_PAUSE_SECONDS if named is None else named, limits.GRAPH_MAX_PAUSE_SECONDS)


def refused_for_now(answer: Answer) -> bool:
    """Tell whether Graph refused for sure, and would take the same request later: it is throttled or busy."""
    if answer.status == _UNAVAILABLE:
        return not _maybe_sent(answer, bool(_error_of(answer.json)[0]))
    return answer.status == _THROTTLED


def _maybe_sent(answer: Answer, graph_answered: bool) -> bool:
    if answer.status == _UNAVAILABLE:
        return not graph_answered and answer.retry_after is None
    if answer.status == _FULL:  # a full mailbox, when Graph says so itself
        return not graph_answered
    return answer.status < 300 or answer.status >= 500


def _kind(answer: Answer, graph_answered: bool) -> Kind:
    """Return the kind: an answer without Graph's error body may be a page of something in between, or just a
    status. To be throttled is the same whoever says so."""
    if 300 <= answer.status < 400:
        return Kind.HTTP_REDIRECT
    if graph_answered or answer.status == _THROTTLED:
        return Kind.HTTP_STATUS
    return Kind.HTTP_ANSWER if answer.body.lstrip()[:1] == b"<" else Kind.HTTP_STATUS


def _words(answer: Answer) -> str:
    if 300 <= answer.status < 400:
        return _("Graph answered with a redirect (HTTP {status}), which is not followed.").format(status=answer.status)
    return _("The answer was HTTP {status} without an error that Graph gives.").format(status=answer.status)


def _error_of(body: Any) -> tuple[list[str], str, str]:
    """Return the codes of Graph's error body from the outermost to the innermost, its message, and the
    request id."""
    error = body.get("error") if isinstance(body, dict) else None
    codes: list[str] = []
    message = request_id = ""
    for _depth in range(_DEPTH):
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
