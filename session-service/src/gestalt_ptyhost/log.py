"""The host's log: JSON lines on stderr, which the worker points at a file."""

import json
import os
import time
import traceback

_STDERR = 2


def log(event: str, **fields: object) -> None:
    """Write one line; a log that cannot be written is no reason to let terminals go."""
    line = json.dumps({"timestamp": _now(), "level": "warning", "event": event, **fields}, default=str)
    try:
        os.write(_STDERR, line.encode() + b"\n")
    except OSError:
        return


def log_exception(event: str, error: BaseException, **fields: object) -> None:
    """Write one line with the error's whole story."""
    log(event, error=repr(error), traceback="".join(traceback.format_exception(error)), **fields)


def _now() -> str:
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1000:06d}Z"
