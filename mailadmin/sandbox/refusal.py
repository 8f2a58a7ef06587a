"""A refusal of Microsoft Graph, raised where a rule is broken and turned into the answer in one place."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """The status, code and text of the answer to give, and further headers ("Retry-After")."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
