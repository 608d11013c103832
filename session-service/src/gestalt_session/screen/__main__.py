"""The screen process: `python -m gestalt_session.screen <folder of sessions>`, its worker at the other end of stdin.

It ends with its worker: a closed socket is the end. Nothing of it is needed for the bytes' path.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from gestalt_serving import logs
from gestalt_session.screen.desk import Desk
from gestalt_session.screen.engine import Engine
from gestalt_session.screen.script import bundle_path
from gestalt_session.screen.wire import Framer, Ready, framed, request_of

LOWEST_PRIORITY = 19
RECEIVE = 64 * 1024


def serve(link: socket.socket, desk: Desk) -> None:
    """Answer until the worker hangs up. Without anything to catch up with, it sleeps in the kernel."""
    link.sendall(framed(Ready()))
    framer = Framer()
    while True:
        ready, _, _ = select.select([link], [], [], 0 if desk.busy else None)
        if ready:
            data = link.recv(RECEIVE)
            if not data:
                return
            for frame in framer.feed(data):
                desk.take(request_of(frame))
        elif desk.busy:
            answers = desk.work()
            if answers:
                link.sendall(b"".join(map(framed, answers)))


def main() -> None:
    """Follow terminals for the worker."""
    script = bundle_path().read_text()
    os.nice(LOWEST_PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to act on
    logs.configure()
    engine = Engine(script)
    desk = Desk(engine, Path(sys.argv[1]))
    try:
        with socket.socket(fileno=sys.stdin.fileno()) as link, suppress(ConnectionError):
            serve(link, desk)
        desk.close()
    finally:
        engine.close()  # its threads would keep the process


if __name__ == "__main__":
    main()
