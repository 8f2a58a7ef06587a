"""The clock of the database server, which all processes on all hosts share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now


class ServerNow(Now):
    """The time now, in a statement. Django's own gives the time zone of the session on MySQL and MariaDB, where moments
    are stored in UTC."""

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        """Return the expression for MySQL and MariaDB."""
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)


def ahead(seconds: float) -> ExpressionWrapper[Any]:
    """Return the moment in so many seconds, for a statement."""
    return ExpressionWrapper(ServerNow() + timedelta(seconds=seconds), output_field=DateTimeField())
