"""Tokens from Microsoft Entra ID, for Graph and for SMTP alike."""
