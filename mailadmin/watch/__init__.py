"""Looks after the mail while nobody looks: scheduled tests, what is wrong now, and alerts."""
