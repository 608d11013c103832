"""gestalt_gateway."""
