"""What `gestalt up` runs: the workspace's data directory, Redis, the services, and what the user sees of them."""
