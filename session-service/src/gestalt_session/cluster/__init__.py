"""This worker among others: its lease and records in the directory, its events on the bus."""
