"""What is measured: the scenarios and the goals, as data. The numbers G1 to G10 (SMTP) and M1 to M3 (Microsoft Graph)
are the project's goals."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.work import GRAPH_BURST, Work

STOCK, OURS = "stock", "mailadmin"
PLAIN, SECURED = "pipelining", "pipelining starttls auth"


@dataclass(frozen=True)
class Contender:
    """Who sends: a contender of bench.contenders and its options; `backend` is for Django's settings, `log` tells
    whether our delivery log is on, `sessions` is the connection's limit for lists, `per_minute` the pace of the
    mailbox (0 for none), `share` the part of the messages that a contender sends who would need minutes for all,
    `queued` tells whether its messages go through our outbox."""

    title: str
    name: str = "django"
    backend: str = ""
    log: bool = True
    sessions: int = 4
    per_minute: int = 0
    share: float = 1.0
    queued: bool = False
    options: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """A ratio to reach: `contender` against the first one, in messages a second or in CPU seconds or bytes; with
    "allowed" the speed against what the limits of the scenario allow."""

    id: str
    contender: str
    at_least: float
    what: str = "speed"


@dataclass(frozen=True)
class Allowed:
    """The limits of a server: so many requests at once, each taking `took` seconds, or a pace for the mailbox."""

    at_once: int = 0
    took: float = 0.0
    per_minute: int = 0

    def seconds(self, messages: int) -> float:
        """Return how long `messages` take at least."""
        if self.per_minute:
            return max(messages - GRAPH_BURST, 1) * 60 / self.per_minute
        return -(-messages // self.at_once) * self.took


@dataclass(frozen=True)
class Scenario:
    """One table of the report: a server, a distance (milliseconds there and back), the work, and who does it. The
    first contender is what the others are compared with; `allowed` is what the server's limits allow."""

    id: str
    title: str
    server: str
    round_trip_ms: float
    work: Work
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...] = ()
    allowed: Allowed | None = None


def stock(**options: int) -> Contender:
    """Django's own SMTP backend."""
    return Contender(STOCK, backend="django.core.mail.backends.smtp.EmailBackend", options=options)


def ours(title: str = OURS, *, log: bool = True, sessions: int = 4, per_minute: int = 0, **options: int) -> Contender:
    """Our backend."""
    backend = "mailadmin.backends.EmailBackend"
    return Contender(title, backend=backend, log=log, sessions=sessions, per_minute=per_minute, options=options)


def queued(title: str, name: str, **options: int) -> Contender:
    """Our backend, by the outbox; `name` tells who sends it, in bench.contenders."""
    return Contender(title, name, "mailadmin.backends.EmailBackend", queued=True, options=options)


POST_OFFICE = Contender("django-post-office (queued, then 5 threads)", "post-office", "post_office.EmailBackend")
PEERS = (
    POST_OFFICE,
    Contender("aiosmtplib, 8 connections, finished bytes", "aiosmtplib"),
    Contender("smtplib, 1 connection, finished bytes", "smtplib"),
    Contender("smtp-source (C), 1 session", "smtp-source"),
    Contender("smtp-source (C), 4 sessions", "smtp-source", options={"sessions": 4}),
)
UNLOGGED = "mailadmin, without the log"
LIST = Work("list", 200)
ONE_BY_ONE = Contender("one at a time, a new client for each message", "graph-one-by-one", share=0.05)
EIGHT_THREADS = Work("each", 1000, threads=8)
UPLOADED = 30_000_000
EACH_FAR, EACH_NEAR = Work("each", 40), Work("each", 400)
CROWD = 20
WHOLE = "mailadmin (queued, then one worker)"
QUEUEING, WORKER = "mailadmin, who queues", "mailadmin, the worker"

SCENARIOS = (
    Scenario("G1", "Each, STARTTLS and AUTH", SECURED, 10, EACH_FAR, (stock(), ours()), (Goal("G1", OURS, 6),)),
    Scenario(
        "G1-chunking",
        "Each, STARTTLS and AUTH, CHUNKING offered",
        f"{SECURED} chunking",
        10,
        EACH_FAR,
        (stock(), ours()),
        (Goal("G1", OURS, 10),),
    ),
    Scenario("G2-10", "Each, plain", "smtp-sink", 10, EACH_FAR, (stock(), ours(), *PEERS), (Goal("G2", OURS, 3.5),)),
    Scenario("G2-40", "Each, plain", "smtp-sink", 40, Work("each", 15), (stock(), ours()), (Goal("G2", OURS, 3.5),)),
    Scenario(
        "G3",
        "Each, 20 recipients",
        "smtp-sink",
        10,
        Work("each", 20, CROWD),
        (stock(), ours()),
        (Goal("G3", OURS, 12),),
    ),
    Scenario(
        "G4-plain",
        "List, plain",
        "smtp-sink",
        10,
        LIST,
        (stock(), ours(), ours("mailadmin, 1 session", sessions=1), POST_OFFICE),
        (Goal("G4", OURS, 9), Goal("G4", "mailadmin, 1 session", 3)),
    ),
    Scenario(
        "G4-crowd",
        "List, 20 recipients",
        "smtp-sink",
        10,
        Work("list", 60, CROWD),
        (stock(), ours()),
        (Goal("G4", OURS, 28),),
    ),
    Scenario("G4-secured", "List, STARTTLS and AUTH", SECURED, 10, LIST, (stock(), ours()), (Goal("G4", OURS, 6.5),)),
    Scenario(
        "G5-each",
        "Each, 2 KB",
        "smtp-sink",
        0,
        EACH_NEAR,
        (stock(), ours(), ours(UNLOGGED, log=False), *PEERS),
        (Goal("G5", OURS, 1.3), Goal("G5", UNLOGGED, 1.8)),
    ),
    Scenario(
        "G5-list",
        "List, 2 KB",
        "smtp-sink",
        0,
        Work("list", 400),
        (stock(), ours(), ours(UNLOGGED, log=False)),
        (Goal("G5", UNLOGGED, 1.8, "CPU"),),
    ),
    Scenario(
        "G6-near",
        "Each, 1 MB attached",
        "smtp-sink",
        0,
        Work("each", 20, attachment_bytes=1_000_000),
        (stock(), ours()),
        (Goal("G6", OURS, 4.5),),
    ),
    Scenario(
        "G6-far",
        "Each, 1 MB attached",
        "smtp-sink",
        10,
        Work("each", 10, attachment_bytes=1_000_000),
        (stock(), ours()),
        (Goal("G6", OURS, 4),),
    ),
    Scenario(
        "G7",
        "Memory that one message with 25 MB attached adds",
        "smtp-sink",
        0,
        Work("each", 1, attachment_bytes=25_000_000),
        (stock(memory=1), ours(memory=1)),
        (Goal("G7", OURS, 10 * 1024 * 1024, "memory"),),
    ),
    Scenario(
        "G7-queued",
        "Memory that one queued message with 25 MB attached adds, to who queues it and to the worker",
        "smtp-sink",
        0,
        Work("each", 1, attachment_bytes=25_000_000),
        (stock(memory=1), queued(QUEUEING, "django", memory=1, left=1), queued(WORKER, "worker", memory=1)),
        (Goal("G7", QUEUEING, 80 * 1024 * 1024, "memory"), Goal("G7", WORKER, 80 * 1024 * 1024, "memory")),
    ),
    Scenario(
        "G9-each",
        "Each, queued, then sent by one worker",
        "smtp-sink",
        10,
        Work("each", 200),
        (POST_OFFICE, queued(WHOLE, "queued")),
        (Goal("G9", WHOLE, 1.0),),
    ),
    Scenario("G9-list", "List, 4 sessions", "smtp-sink", 10, LIST, (POST_OFFICE, ours()), (Goal("G9", OURS, 2.5),)),
    Scenario(
        "G10",
        "First message of a process: imports, settings, connection",
        "smtp-sink",
        0,
        Work("each", 1),
        (stock(first=1), ours(first=1)),
        (Goal("G10", OURS, 1.0),),
    ),
    Scenario("M1-list", "Graph, list", "graph", 40, Work("list", 1000), (ONE_BY_ONE, ours()), (Goal("M1", OURS, 5),)),
    Scenario(
        "M1-threads", "Graph, each, 8 threads", "graph", 40, EIGHT_THREADS, (ONE_BY_ONE, ours()), (Goal("M1", OURS, 5),)
    ),
    Scenario(
        "M2-list",
        "Graph with its limit of requests at once, list",
        "graph at-once=4 took=200",
        0,
        Work("list", 200),
        (ours(),),
        (Goal("M2", OURS, 0.9, "allowed"),),
        Allowed(at_once=4, took=0.2),
    ),
    Scenario(
        "M2-threads",
        "Graph with its limit of requests at once, each, 8 threads",
        "graph at-once=4 took=200",
        0,
        Work("each", 200, threads=8),
        (ours(),),
        (Goal("M2", OURS, 0.9, "allowed"),),
        Allowed(at_once=4, took=0.2),
    ),
    Scenario(
        "M2-pace",
        "Graph with a limit of 600 messages a minute, list",
        "graph at-once=4 per-minute=600",
        0,
        Work("list", 100),
        (ours(per_minute=600),),
        (Goal("M2", OURS, 0.9, "allowed"),),
        Allowed(per_minute=600),
    ),
    Scenario(
        "M3",
        "Memory that one message with 30 MB attached adds, by upload",
        "graph",
        0,
        Work("each", 1, attachment_bytes=UPLOADED),
        (ours(memory=1),),
        (Goal("M3", OURS, 2.5 * UPLOADED, "memory"),),
    ),
)
