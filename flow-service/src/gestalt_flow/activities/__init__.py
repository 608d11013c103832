"""What a flow can do, one file each: the edges to the world."""
