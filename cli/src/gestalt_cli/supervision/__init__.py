"""Keeping services running: what to start, when to start it again, in which order to stop. No processes, no clock."""
