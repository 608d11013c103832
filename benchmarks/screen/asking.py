"""A program that asks its terminal where the cursor is, again and again: how often and how soon it is told."""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from benchmarks import budgets
from benchmarks.terminal.clients import WebSocketClient
from benchmarks.terminal.report import Figure
from benchmarks.terminal.systems import Ours

VIEWERS = 5
LONGEST = 60.0
STEP = 0.05
QUESTION, REPLY = b"\x1b[6n", b"\x1b[1;1R"
PROGRAM = Path(__file__).with_name("asker.py")


def measure(ours: Ours, folder: Path, *, questions: int) -> Iterator[Figure]:
    """With nobody there, then before viewers whose own terminals answer each question too."""
    for viewers in (0, VIEWERS):
        answers, waits = _asked(ours, folder / f"asked-{viewers}.json", questions, viewers)
        who = f"{viewers} viewers" if viewers else "nobody"
        wrong = abs(answers - questions)
        yield Figure(
            f"answers too many or too few before {who}, of {questions}", wrong, "", None, budgets.ANSWERS_WRONG
        )
        waited = statistics.median(waits) * 1e3
        yield Figure(f"  each, p50, before {who}", waited, "ms", None, budgets.ANSWER_P50)


def _asked(ours: Ours, result: Path, questions: int, viewers: int) -> tuple[int, list[float]]:
    argv = [sys.executable, "-I", "-S", str(PROGRAM), str(questions), str(result)]
    with ours.session(argv) as uid, ExitStack() as stack:
        for _ in range(viewers):
            stack.enter_context(_answering(ours.connect(uid, "control=1")))
        Path(f"{result}.go").touch()
        until = time.monotonic() + LONGEST
        while not result.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"not all of {questions} answers came within {LONGEST} s")
            time.sleep(STEP)  # noqa: TID251 - between two looks
        told = json.loads(result.read_text())
    return told["answers"], told["waits"]


@contextmanager
def _answering(client: WebSocketClient) -> Iterator[None]:
    """A viewer whose terminal answers what it sees asked, as every browser's does."""
    thread = threading.Thread(target=_answer, args=(client,), daemon=True)
    thread.start()
    with closing(client):
        yield


def _answer(client: WebSocketClient) -> None:
    try:
        while pieces := client.receive():
            for _ in range(sum(bytes(piece).count(QUESTION) for piece in pieces)):
                client.send(REPLY)
    except OSError:
        return  # closed: the experiment is over
