"""A message too large for one request: a draft, its files one by one, and then it is sent.

Only the last request sends, so whatever fails before it surely sent nothing, and the draft is deleted.
Source: learn.microsoft.com, "Create draft message", "Attach large files", "message: send". Needs Mail.ReadWrite.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Protocol
from urllib.parse import quote

from mailadmin.core import limits
from mailadmin.core.errors import DeliveryUnsure, MailError, Scope, mail_error
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import OAuthRoute
from mailadmin.core.sizes import base64_size
from mailadmin.core.texts import _
from mailadmin.net.http import Answer
from mailadmin.transports.base import Mail
from mailadmin.transports.entra.sign_in import Note

from .json_form import about_file, file_attachment
from .parts import Attachment
from .plan import DraftPlan
from .upload import Client as UploadClient
from .upload import Unclear, said, session_body, start_session, upload

_CREATED, _ACCEPTED, _GONE = 201, 202, 404
_TOO_SMALL = "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"
_DENIED = ("", "ErrorAccessDenied", "AccessDenied", "Forbidden")
_CONTENT_KEY = len(', "contentBytes": ""')


class Client(UploadClient, Protocol):
    """The client, with the service that it is for, and somebody who is told what goes on."""

    note: Note
    route: OAuthRoute


def send_draft(client: Client, mail: Mail, plan: DraftPlan) -> Answer:
    """Send `mail` as `plan` says, and return the answer that accepted it (202).

    Raises MailError; DeliveryUnsure only when the request that sends was not clearly answered.
    """
    for left in reversed(range(limits.GRAPH_DRAFT_TRIES)):
        draft = _Draft(client, mail)
        try:
            draft.create(plan.mime)
            for file in plan.attachments:
                draft.attach(file)
            mail.progress(_("Uploaded, and being sent"))
            return draft.send()
        except Unclear as unclear:
            draft.delete()
            if not left:
                raise unclear.error from None
            client.note(_("# Nobody knows what the draft holds; it is begun anew."))
        except Exception as error:
            if not isinstance(error, MailError):
                draft.delete()
            elif error.scope is not Scope.UNSURE:
                gone = draft.delete()
                if gone and draft.asked_to_send:  # nothing but the sending takes a draft away
                    raise mail_error(replace(error.fault, maybe_sent=True)) from None
            raise
    raise AssertionError("The last try returns or raises.")


class _Draft:
    def __init__(self, client: Client, mail: Mail) -> None:
        self._client, self._mail = client, mail
        self._mailbox = mail.mailbox or client.route.identity
        self._path = ""  # set when the draft is there
        self.asked_to_send = False

    def create(self, mime: bytes) -> None:
        """Make the draft from `mime` (base64)."""
        answer = self._post("/messages", "text/plain", mime)
        self._check(answer)
        name = answer.json.get("id") if isinstance(answer.json, dict) else None
        if not isinstance(name, str) or not name:
            raise Unclear(_broken(_("Graph made a draft and did not say which.")))
        self._path = f"/messages/{quote(name, safe='')}"

    def attach(self, file: Attachment) -> None:
        """Add `file`: in one request where it fits, else by an upload session."""
        if _one_request(file) <= limits.GRAPH_REQUEST_BYTES:
            self._attach_whole(file)
            return
        answer = self._post(f"{self._path}/attachments/createUploadSession", "application/json", session_body(file))
        fault = self._client.fault(answer, accepted=(_CREATED,))
        if fault and fault.graph_code == _TOO_SMALL:
            self._attach_whole(file)
            return
        self._check(answer)
        url = start_session(answer)
        if url is None:
            raise _broken(_("Graph opened an upload and did not say where."))
        upload(self._client, self._mail, url, file)

    def send(self) -> Answer:
        """Send the draft. Raises DeliveryUnsure when nobody can say whether it was sent."""
        self.asked_to_send = True
        answer = self._client.request(
            "POST",
            f"{self._path}/send",
            mailbox=self._mailbox,
            unsure_after_body=True,
            patience=self._mail.patience,
            leaving=partial(self._mail.watch.leaving, self._mail.recipients),
        )
        fault = self._client.fault(answer, accepted=(_ACCEPTED,))
        if fault is None:
            return answer
        # A draft that was sent is gone, and the answer to an earlier try may have been wrong.
        raise mail_error(replace(fault, maybe_sent=True) if answer.status == _GONE else fault)

    def delete(self) -> bool:
        """Delete the draft, if there is one, and tell whether it was gone already. Never raises: the first failure is
        the one to tell."""
        if not self._path:
            return False
        path, self._path = self._path, ""
        gone = False
        try:
            answer = self._client.request("DELETE", path, mailbox=self._mailbox)
            fault = self._client.fault(answer, accepted=(204, _GONE))
            words, gone = said(fault) if fault else "", answer.status == _GONE
        except MailError as error:
            words = error.summary
        if words:
            self._client.note(
                _("# The draft stays in the mailbox, because it could not be deleted: {reason}").format(reason=words)
            )
        return gone

    def _attach_whole(self, file: Attachment) -> None:
        body = json.dumps(file_attachment(file)).encode()
        self._check(self._post(f"{self._path}/attachments", "application/json", body))

    def _post(self, path: str, content_type: str, body: bytes) -> Answer:
        """Ask for something that does not send. Raises Unclear when it may have been done without an answer."""
        try:
            return self._client.request(
                "POST",
                path,
                mailbox=self._mailbox,
                content_type=content_type,
                body=body,
                unsure_after_body=True,
                patience=self._mail.patience,
            )
        except DeliveryUnsure as error:
            raise Unclear(_broken(error.fault.text)) from None

    def _check(self, answer: Answer) -> None:
        """Raise what is wrong with `answer`; the knowledge base must not think that something was sent."""
        fault = self._client.fault(answer, accepted=(_CREATED,))
        if fault is None:
            return
        fault = replace(fault, maybe_sent=False)
        if answer.status == 403 and fault.graph_code in _DENIED:
            text = _(
                "The app needs the application permission Mail.ReadWrite for it. Graph answered: {answer}."
            ).format(answer=said(fault))
            raise MailError(Fault(Phase.GRAPH, Kind.DRAFT_REFUSED, text, request_id=fault.request_id))
        error = MailError(fault)
        if error.scope is not Scope.UNSURE:
            raise error
        broken = _broken(_("Graph answered: {answer}.").format(answer=said(fault)), fault)
        raise Unclear(broken) if answer.status >= 500 or answer.status < 300 else broken


def _one_request(file: Attachment) -> int:
    """Return the size of the request that adds `file` whole."""
    return len(json.dumps(about_file(file))) + _CONTENT_KEY + base64_size(file.size)


def _broken(words: str, fault: Fault | None = None) -> MailError:
    retry_after, request_id = (fault.retry_after, fault.request_id) if fault else (None, "")
    return MailError(Fault(Phase.GRAPH, Kind.UPLOAD_BROKEN, words, retry_after=retry_after, request_id=request_id))
