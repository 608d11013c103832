"""Logs, traces and metrics: taken in, stored, queried, streamed."""
