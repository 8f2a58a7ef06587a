"""`make fuzz`: generated server replies and generated messages, seeded, on two processes (see CONTRIBUTING.md)."""
