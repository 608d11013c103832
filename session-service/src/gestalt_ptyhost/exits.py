"""The note a session leaves on disk when its program has ended: `exit.json` beside its journal."""

import json
import os
import time

from gestalt_ptyhost.log import log


def write_exit(journal: str, exit_code: int | None, offset: int) -> None:
    """Say how the program ended, when (unix seconds) and at which offset, whole or not at all."""
    path = os.path.join(os.path.dirname(journal), "exit.json")
    note = {"exit_code": exit_code, "ended_at": time.time(), "offset": offset}
    try:
        with open(path + ".new", "w", encoding="ascii") as file:
            json.dump(note, file)
        os.replace(path + ".new", path)
    except OSError as error:
        log("an exit cannot be noted on disk", path=path, error=str(error))
