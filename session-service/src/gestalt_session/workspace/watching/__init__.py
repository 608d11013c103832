"""The files of the workspace as they change: what is watched, bursts made one, and what a limit held back, counted.

`tree` does the work, on a thread; `watcher` waits and tells. inotify is used directly: a library that watches whole
trees also watches what is ignored (every byte of a terminal's journal, every dependency folder), and those at hand do
not say when the kernel's queue has overflowed.
"""
