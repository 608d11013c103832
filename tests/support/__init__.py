"""The black-box harness: a real stack, clients that check what they get, programs whose output is known."""
