"""What terminals show: attaching by a snapshot, what following costs a flood, answers to a program's questions."""
