"""Sending through Microsoft Graph."""
