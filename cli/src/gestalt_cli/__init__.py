"""gestalt_cli."""
