"""`gestalt attach`: a session in this terminal, over as many connections as it takes."""
