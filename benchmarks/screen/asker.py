"""`python -I -S asker.py COUNT RESULT`: ask for the cursor's position COUNT times, once RESULT.go is there.

Writes {answers, waits} as JSON to RESULT: how many answers came, those after the last question included, and how long
each took in seconds. Standard library only; run by a terminal.
"""

import json
import os
import re
import select
import sys
import time
import tty
from pathlib import Path

ANSWER = re.compile(rb"\x1b\[\d+;\d+R")
LATE_SECONDS = 1.0
"""How long an answer too many may take to come."""
STEP = 0.01


def main() -> None:
    """Ask one question after the other."""
    count, result = int(sys.argv[1]), Path(sys.argv[2])
    tty.setraw(0)
    while not Path(f"{result}.go").exists():
        time.sleep(STEP)  # noqa: TID251 - it is to ask nothing before
    heard, waits = b"", []
    for number in range(1, count + 1):
        begun = time.perf_counter()
        os.write(1, b"\x1b[6n")
        while len(ANSWER.findall(heard)) < number and select.select([0], [], [], 5.0)[0]:
            heard += os.read(0, 4096)
        waits.append(time.perf_counter() - begun)
    while select.select([0], [], [], LATE_SECONDS)[0]:
        heard += os.read(0, 4096)
    written = result.with_suffix(".new")
    written.write_text(json.dumps({"answers": len(ANSWER.findall(heard)), "waits": waits}))
    written.rename(result)


if __name__ == "__main__":
    main()
