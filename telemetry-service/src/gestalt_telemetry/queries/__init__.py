"""What is asked of the store, and how the answers look."""
