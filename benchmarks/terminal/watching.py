"""`python -m benchmarks.terminal.watching PORT UID…`: watch sessions as their browser tabs would, until killed."""

from __future__ import annotations

import selectors
import sys

from benchmarks.terminal.clients import WebSocketClient
from benchmarks.terminal.systems import target


def main() -> None:
    """Say `watching` once all have their first bytes; read and forget."""
    port, uids = int(sys.argv[1]), sys.argv[2:]
    with selectors.DefaultSelector() as selector:
        for uid in uids:
            client = WebSocketClient(port, target(uid, ""))
            client.receive()
            selector.register(client, selectors.EVENT_READ, client)
        print("watching", flush=True)
        while True:
            for key, _ in selector.select():
                key.data.receive()


if __name__ == "__main__":
    main()
