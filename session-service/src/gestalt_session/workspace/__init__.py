"""The workspace that every worker mounts: git today; plans and the watcher follow."""
