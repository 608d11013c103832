"""What flow-service promises, measured."""
