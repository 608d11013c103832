"""Telemetry: what it takes in a second, how soon it is seen, how fast it is found again."""
