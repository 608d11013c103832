"""`gestalt-send`, `gestalt-notify`, `gestalt-agent`: what scripts and hooks call, with the exit codes they expect."""
