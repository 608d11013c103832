"""`gestalt-send`, `gestalt-notify`, `gestalt-agent`: the commands that scripts and hooks call, with their exit codes."""
