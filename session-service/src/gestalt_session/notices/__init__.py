"""What agents' hooks tell of their sessions: checked, read, and turned into what flows match on. Pure."""
