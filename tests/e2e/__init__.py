"""The whole console in a real browser, started as `make run` starts it."""
