"""Sending through an SMTP submission server."""
