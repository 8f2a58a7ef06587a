"""One large file into a draft by an upload session: ranges in their order, and on from where it broke off.

Source: learn.microsoft.com, "Attach large files to Outlook messages or events". Whoever knows the address of a
session may write to it, so it is a secret and never gets a token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.secret import Secret
from mailadmin.core.sizes import in_words
from mailadmin.core.texts import _
from mailadmin.net.http import Answer
from mailadmin.transports.base import Mail

from .json_form import about_file
from .manners import Rest
from .parts import Attachment

_DONE, _WRONG_RANGE, _GONE = 201, 416, (404, 410)
_NAME_CHARS = 80


class Client(Protocol):
    """What drafts and uploads need of the client, see `client.GraphClient`."""

    rest: Rest

    def request(
        self,
        method: str,
        path: str,
        *,
        mailbox: str,
        content_type: str = "",
        body: bytes = b"",
        unsure_after_body: bool = False,
        patience: float = 0,
        leaving: Callable[[], None] = ...,
    ) -> Answer:
        """Ask for something below /v1.0/users/{mailbox}."""

    def put(self, url: Secret, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one range."""

    def get_status(self, url: Secret) -> Answer:
        """Ask how far an upload is."""

    def cancel(self, url: Secret) -> None:
        """Give an upload up. Raises nothing."""

    def fault(self, answer: Answer, accepted: tuple[int, ...] = ...) -> Fault | None:
        """Return what is wrong with an answer."""


class Unclear(Exception):
    """Nobody knows what the draft holds now: it is to be thrown away and begun anew. `error` is why."""

    def __init__(self, error: MailError) -> None:
        super().__init__()
        self.error = error


def start_session(answer: Answer) -> Secret | None:
    """Return the address of the session that `answer` names, None when it names none by https."""
    said = answer.json
    url = said.get("uploadUrl") if isinstance(said, dict) else None
    if not isinstance(url, str):
        return None
    try:
        parts = urlsplit(url)
        return Secret(url) if parts.scheme == "https" and parts.hostname and not parts.username else None
    except ValueError:
        return None


def session_body(file: Attachment) -> bytes:
    """Return the request for a session."""
    said = {key: value for key, value in about_file(file).items() if not key.startswith("@")}
    return json.dumps({"AttachmentItem": {"attachmentType": "file", "size": file.size, **said}}).encode()


def upload(client: Client, mail: Mail, url: Secret, file: Attachment) -> None:
    """Bring `file` into the draft whose session is at `url`, and tell `mail.progress` how far it is.

    Raises MailError when Graph refuses it or it broke off too often, Unclear when nobody knows whether it arrived;
    the session is cancelled then.
    """
    try:
        _Upload(client, mail, url, file).run()
    except Exception:
        client.cancel(url)
        raise


class _Upload:
    def __init__(self, client: Client, mail: Mail, url: Secret, file: Attachment) -> None:
        self._client, self._mail, self._url, self._file = client, mail, url, file
        self._view = memoryview(file.data)
        self._patience = mail.patience  # seconds that may be spent on waiting
        self._tries = 0  # that failed since the upload last got on

    def run(self) -> None:
        start = farthest = 0
        while start < self._file.size:
            self._mail.progress(_progress(self._file, start))
            answer, error = self._send(start)
            if answer and answer.status == _DONE and start + limits.GRAPH_UPLOAD_RANGE_BYTES >= self._file.size:
                return  # said of any other range it is an answer that nobody can read
            position = _position(answer) if answer else None
            start = self._resume(answer, error) if position is None else position
            if start > farthest:
                farthest, self._tries = start, 0
            elif position is not None:
                self._failed(_broken(self._file, _("Graph does not get on with it.")))
        raise Unclear(_broken(self._file, _("Graph has all of it and does not say that it is done.")))

    def _send(self, start: int) -> tuple[Answer | None, MailError | None]:
        """Send the range from `start` on; return the answer, or why there is none."""
        end = min(start + limits.GRAPH_UPLOAD_RANGE_BYTES, self._file.size)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {start}-{end - 1}/{self._file.size}",
        }
        try:
            return self._client.put(self._url, bytes(self._view[start:end]), headers), None
        except MailError as error:
            return None, error

    def _resume(self, answer: Answer | None, error: MailError | None) -> int:
        """Return where to go on after a range that failed, as Graph says when it is asked.

        Raises Unclear when it does not say so: the upload may be complete, or gone.
        """
        while True:
            failure = self._refusal(answer) if answer else _broken(self._file, error.summary if error else "")
            self._failed(failure, answer)
            try:
                answer = self._client.get_status(self._url)
            except MailError as lost:
                answer, error = None, lost
                continue
            position = _position(answer)
            if position is not None:
                return position
            if not _passing(answer):
                raise Unclear(failure)

    def _refusal(self, answer: Answer) -> MailError:
        """Return why `answer` is no success; raise it when another try would not help."""
        fault = self._client.fault(answer, accepted=(_DONE,))
        error = _broken(
            self._file,
            _("Graph answered: {answer}.").format(answer=said(fault)) if fault else _("The answer says nothing."),
            fault,
        )
        if answer.status in _GONE:
            raise Unclear(error)
        if 400 <= answer.status < 500 and not _passing(answer) and answer.status != _WRONG_RANGE:
            raise error
        return error

    def _failed(self, error: MailError, answer: Answer | None = None) -> None:
        """Count a failure and wait before the next try. Raises `error` after the last one, and when the wait would
        take longer than the message may."""
        self._tries += 1
        named = answer.retry_after if answer else None
        seconds = limits.GRAPH_UPLOAD_PAUSE_SECONDS * 2 ** (self._tries - 1) if named is None else named
        if self._tries >= limits.GRAPH_UPLOAD_TRIES or seconds > self._patience:
            raise error
        self._patience -= seconds
        self._client.rest(seconds)


def _passing(answer: Answer) -> bool:
    """Tell whether the same request may do better later."""
    return answer.status in (408, 429) or answer.status >= 500


def _position(answer: Answer) -> int | None:
    """Return where the next range begins: Outlook says "2097152", other services "2097152-" or "26-54"."""
    ranges = answer.json.get("nextExpectedRanges") if answer.status == 200 and isinstance(answer.json, dict) else None
    first: Any = ranges[0] if isinstance(ranges, list) and ranges else ""
    digits = str(first).partition("-")[0].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 else None


def _progress(file: Attachment, done: int) -> str:
    """Return how far it is: "Uploading report.pdf: 12 of 30 MB"."""
    total, sent = in_words(file.size), in_words(done) if done else "0"
    unit = f" {total.split()[1]}"
    return _("Uploading {name}: {sent} of {total}").format(
        name=clean(file.name, limit=_NAME_CHARS), sent=sent.removesuffix(unit), total=total
    )


def said(fault: Fault) -> str:
    """Return an answer of Graph in words: "HTTP 503, ErrorServerBusy: Try later"."""
    codes = ", ".join(filter(None, (f"HTTP {fault.http_status}" if fault.http_status else "", fault.graph_code)))
    return f"{codes}: {fault.text}".removesuffix(".") if fault.text else codes


def _broken(file: Attachment, words: str, fault: Fault | None = None) -> MailError:
    text = f"“{clean(file.name, limit=_NAME_CHARS)}”: {words}"
    retry_after, request_id = (fault.retry_after, fault.request_id) if fault else (None, "")
    return MailError(Fault(Phase.GRAPH, Kind.UPLOAD_BROKEN, text, retry_after=retry_after, request_id=request_id))
