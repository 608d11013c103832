"""gestalt_session."""
