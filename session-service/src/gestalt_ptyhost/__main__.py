"""`python -I -m gestalt_ptyhost --socket PATH`: ends with 0 once a host listens there, in the background."""

import gc
import os
import sys

from gestalt_ptyhost.daemon import leave, own_descriptors, watch_signals
from gestalt_ptyhost.host import Host
from gestalt_ptyhost.listening import Listener, Occupied
from gestalt_ptyhost.spawn import raise_open_files

_ARGUMENTS = 3


def main(arguments: list[str]) -> int:
    """Start a host; returns the exit code of the process that was called, or of the host when its work is done."""
    if len(arguments) != _ARGUMENTS or arguments[1] != "--socket":
        sys.stderr.write("usage: python -I -m gestalt_ptyhost --socket PATH\n")
        return 2
    own_descriptors()
    os.umask(0o077)
    path = os.path.abspath(arguments[2])
    try:
        listener = Listener(path)
    except (Occupied, OSError) as error:
        sys.stderr.write(f"gestalt-ptyhost: {error}\n")
        return 1
    leave()
    host = Host(listener, watch_signals(), raise_open_files())
    gc.freeze()
    host.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
