"""Passing on what was stored to another OTLP endpoint, through a queue on disk."""
