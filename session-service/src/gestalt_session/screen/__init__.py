"""What terminals show: the browser's parser, in a process of its own beside the bytes' path."""
