"""`make conformance`: every kind of Django message by SMTP and by each way through Graph (see docs/conformance.md)."""
