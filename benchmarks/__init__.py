"""What is claimed about speed, re-runnable, as ratios to a peer or the physical limit of the same run."""
