"""What an answer of the Entra sign-in host, or of a machine's identity endpoint, means (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.texts import _
from mailadmin.net.http import Answer

_AADSTS = re.compile(r"AADSTS(\d+)")
# Entra ends its texts with ids and a time, which would make every text different.
_TRAILER = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp):.*", re.DOTALL | re.IGNORECASE)


def token_fault(answer: Answer, wanted: str, host: str, port: int) -> Fault | None:
    """Return what is wrong with `answer`, or None when it is a JSON object with the text `wanted`.

    `host` and `port` are those of the sign-in host. Error bodies are those of RFC 6749 section 5.2 with
    Entra's additions (learn.microsoft.com, "Microsoft Entra authentication and authorization error codes").
    """
    body: Any = answer.json
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    error, description = said.get("error"), said.get("error_description")
    known = isinstance(error, str)
    text = clean(_TRAILER.sub("", description)) if isinstance(description, str) else ""

    request_id = clean(str(said.get("trace_id") or answer.headers.get("x-ms-request-id", "")), limit=100)
    fault = _teller(answer, _aadsts(said, text), host, port, request_id)
    if answer.status == 200 and isinstance(said.get(wanted), str) and said[wanted]:
        return None
    if 300 <= answer.status < 400:
        return fault(Kind.HTTP_REDIRECT, _("The sign-in host answered with a redirect, which is not followed."))
    if answer.status == 429 or answer.status >= 500:
        return fault(
            Kind.HTTP_STATUS, text or _("The sign-in host answered with HTTP {status}.").format(status=answer.status)
        )
    if known and 400 <= answer.status < 500:
        return fault(Kind.TOKEN_REFUSED, text or clean(str(error)))
    return fault(
        Kind.HTTP_ANSWER, _("The answer (HTTP {status}) is not one that Entra gives.").format(status=answer.status)
    )


def refuses_credential(answer: Answer) -> bool:
    """Tell whether the sign-in host refused the credential itself, whatever the reason (RFC 6749 section 5.2)."""
    return isinstance(answer.json, dict) and answer.json.get("error") == "invalid_client"


def identity_fault(answer: Answer, host: str, port: int) -> Fault | None:
    """Return what is wrong with the answer of a machine's identity endpoint at `host`, None when it holds a token or
    is the challenge of Azure Arc, which wants to be answered.

    The endpoints word their errors in three ways (learn.microsoft.com, "managed identities" for virtual machines, App
    Service and Service Fabric).
    """
    body: Any = answer.json
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    inner = said.get("error")
    spoken = [said.get("error_description"), said.get("message"), inner]
    if isinstance(inner, dict):
        spoken.append(inner.get("message"))
    text = next((clean(_TRAILER.sub("", words)) for words in spoken if isinstance(words, str) and words), "")

    fault = _teller(answer, _aadsts(said, text), host, port)
    if answer.status == 200 and isinstance(said.get("access_token"), str) and said["access_token"]:
        return None
    if answer.status == 401 and answer.headers.get("WWW-Authenticate"):
        return None
    if answer.status == 429 or answer.status >= 500:
        return fault(
            Kind.HTTP_STATUS,
            text or _("The identity endpoint answered with HTTP {status}.").format(status=answer.status),
        )
    if 400 <= answer.status < 500 and said:
        return fault(Kind.TOKEN_REFUSED if _aadsts(said, text) else Kind.IDENTITY_UNAVAILABLE, text)
    return fault(
        Kind.IDENTITY_UNAVAILABLE,
        _("What answers (HTTP {status}) is no identity endpoint.").format(status=answer.status),
    )


def _teller(answer: Answer, aadsts: str, host: str, port: int, request_id: str = "") -> Callable[[Kind, str], Fault]:
    """Return what makes a fault of `answer` from a kind and words."""
    return lambda kind, words: Fault(
        Phase.TOKEN,
        kind,
        words,
        host=host,
        port=port,
        http_status=answer.status,
        aadsts=aadsts,
        retry_after=answer.retry_after,
        request_id=request_id,
    )


def _aadsts(said: dict[str, Any], text: str) -> str:
    """Return the first AADSTS number ("7000215"), or an empty string."""
    codes = said.get("error_codes")
    if isinstance(codes, list) and codes and isinstance(codes[0], int):
        return str(codes[0])
    found = _AADSTS.search(text)
    return found[1] if found else ""
