"""The HTTP API (the extra `mailadmin[api]`): messages, their state, tests of connections, health."""
