"""Terminals: latency, throughput, memory and cost, beside a bare PTY and a bare TCP relay."""
