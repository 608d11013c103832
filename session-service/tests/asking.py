"""Programs that ask their terminal, for tests: `python asking.py WHAT …`. They tell in JSON what they got."""

from __future__ import annotations

import json
import os
import select
import statistics
import sys
import termios
import time
import tty

QUIET_SECONDS = 0.7
"""Nothing more comes after that."""
PATIENCE_SECONDS = 10.0
CURSOR = b"\x1b[6n"


def heard(seconds: float) -> bytes:
    """What was typed within that time; empty if nothing was."""
    ready, _, _ = select.select([0], [], [], seconds)
    return os.read(0, 65536) if ready else b""


def all_heard(answers: int = 0) -> bytes:
    """Everything, until it is quiet after so many answers."""
    data = b""
    while more := heard(QUIET_SECONDS if data.count(b"R") >= answers else PATIENCE_SECONDS):
        data += more
    return data


def tell(**said: object) -> None:
    """One line, where the cursor is at its begin."""
    os.write(1, b"\r\n" + json.dumps(said).encode() + b"\r\n")


def one_by_one(count: int) -> None:
    """Ask, wait for the answer, ask again."""
    times, data = [], b""
    for number in range(count):
        os.write(1, b"\x1b[%d;%dH" % (number % 3 + 1, number % 8 + 1) + CURSOR)
        begun, answer = time.perf_counter(), b""
        while not answer.endswith(b"R"):
            more = heard(PATIENCE_SECONDS)
            if not more:
                break
            answer += more
        times.append(time.perf_counter() - begun)
        data += answer
    data += all_heard()
    wanted = b"".join(b"\x1b[%d;%dR" % (number % 3 + 1, number % 8 + 1) for number in range(count))
    tell(answers=data.count(b"R"), right=data == wanted, median=statistics.median(times), most=max(times))


def at_once(count: int) -> None:
    """Ask many times in one write."""
    os.write(1, b"".join(b"\x1b[%d;%dH" % (number % 20 + 1, number % 70 + 1) + CURSOR for number in range(count)))
    data = all_heard(count)
    wanted = b"".join(b"\x1b[%d;%dR" % (number % 20 + 1, number % 70 + 1) for number in range(count))
    tell(answers=data.count(b"R"), right=data == wanted)


def exactly(text: str) -> None:
    """Write that and tell what is typed."""
    os.write(1, text.encode().decode("unicode_escape").encode("latin-1"))
    tell(heard=all_heard(1).decode("latin-1"))


def endless() -> None:
    """Ask for ever and never listen."""
    while True:
        os.write(1, (CURSOR + b"\x1b[c") * 500)


def main() -> None:
    """Without echo, byte by byte."""
    before = termios.tcgetattr(0)
    tty.setraw(0)
    os.write(1, b"ready")
    what, *rest = sys.argv[1:]
    if rest and rest[-1] == "go":
        heard(30)  # a key: whoever is to watch is there
        rest.pop()
    match what:
        case "one-by-one":
            one_by_one(int(rest[0]))
        case "at-once":
            at_once(int(rest[0]))
        case "exactly":
            exactly(rest[0])
        case "endless":
            endless()
    termios.tcsetattr(0, termios.TCSANOW, before)


if __name__ == "__main__":
    main()
