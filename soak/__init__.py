"""The outbox under stress: workers, database and broker are killed at random while messages are queued and sent, and
then every message is accounted for. `python -m soak` (or `make soak`) runs it; docs/reliability.md says what it proves.

It starts everything itself, on loopback, and ends it: a PostgreSQL, a broker, a mail server with faults, workers of
both kinds, and a program that queues messages. It changes nothing of the product for that, but for one thing: while a
message waits for its next try, time passes faster (soak/chaos.py).
"""
