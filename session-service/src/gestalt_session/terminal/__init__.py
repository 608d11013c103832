"""Terminals: pty host client, journal, sessions and their viewers."""
