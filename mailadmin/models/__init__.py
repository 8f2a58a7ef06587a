"""Tables, constraints and querysets; a row turns into a value of `core.settings`. No I/O but the database."""

from .alerts import Alert, AlertChannel, AlertDelivery, Incident
from .audit import AuditEntry
from .clients import ApiClient, DoneNotice
from .compose import ComposeDraft
from .domains import SenderDomain
from .log import Delivery, DeliveryAttempt, DeliveryRecipient, LogText
from .office365 import IntegratedService, OAuthService
from .outbox import MessageContent, MessagePart, OutboxEntry, Worker
from .routes import RouteState, SenderRefusal
from .sandbox import SandboxMessage, SandboxServer
from .settings import Settings
from .shared import SharedLease, SharedPace, SharedToken
from .smtp import SmtpConnection
from .tests import ConnectionTest, ConnectionTestStep

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "ApiClient",
    "AuditEntry",
    "ComposeDraft",
    "ConnectionTest",
    "ConnectionTestStep",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryRecipient",
    "DoneNotice",
    "Incident",
    "IntegratedService",
    "LogText",
    "MessageContent",
    "MessagePart",
    "OAuthService",
    "OutboxEntry",
    "RouteState",
    "SandboxMessage",
    "SandboxServer",
    "SenderDomain",
    "SenderRefusal",
    "Settings",
    "SharedLease",
    "SharedPace",
    "SharedToken",
    "SmtpConnection",
    "Worker",
]
