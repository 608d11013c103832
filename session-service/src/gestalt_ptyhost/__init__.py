"""gestalt_ptyhost."""
