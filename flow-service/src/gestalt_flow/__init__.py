"""Flows: what happens when something happened."""
