"""Watch a session and never miss a byte.

    python docs/examples/viewer.py ws://127.0.0.1:57417 "hello 1" [token]

The whole rule of resuming: remember the offset of the next byte, and connect again with it. Whatever of Gestalt was
killed meanwhile, what comes then is exactly what was missing.
"""

import json
import sys
import time
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

FINAL = {1000, 1008, 4404}  # the session has ended, we are not welcome, there is no such session
PAUSE = 0.2


def main() -> None:
    server, session, *token = sys.argv[1:]
    headers = {"Authorization": f"Bearer {token[0]}"} if token else {}
    cursor: int | None = None
    ended = False
    while not ended:
        try:
            begin = "tail=4096" if cursor is None else f"cursor={cursor}"
            with connect(
                f"{server}/ws/session/{quote(session)}?control=1&{begin}", additional_headers=headers
            ) as socket:
                for message in socket:
                    if isinstance(message, bytes):
                        sys.stdout.buffer.write(message)
                        sys.stdout.flush()
                        cursor = (cursor or 0) + len(message)
                    elif (told := json.loads(message))["type"] in {"ready", "reset"}:
                        cursor = told["cursor"] if told["type"] == "ready" else told["base"]
                ended = socket.close_code in FINAL
        except ConnectionClosed as closed:
            ended = closed.rcvd is not None and closed.rcvd.code in FINAL
        except (OSError, InvalidStatus):
            pass  # the gateway is being replaced
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
