"""What two Gestalt processes must agree on; nothing that only one of them needs."""
