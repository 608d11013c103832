"""The dashboard in a real browser; a package, so that its fixtures end with it and not with the whole run."""
