"""Hosts for the tests: real processes, ended with their programs when the test is over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from ptyhost_client import HostProcess, Worker


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostProcess]:
    """A host that listens."""
    process = HostProcess(tmp_path)
    assert process.start() == 0
    yield process
    process.end()


@pytest.fixture
def connect(host: HostProcess) -> Iterator[Callable[[], Worker]]:
    """Connections to the host, closed after the test."""
    workers: list[Worker] = []

    def connected() -> Worker:
        workers.append(Worker(host))
        return workers[-1]

    yield connected
    for worker in workers:
        worker.close()


@pytest.fixture
def worker(connect: Callable[[], Worker]) -> Worker:
    """A worker that is connected and has heard HELLO."""
    return connect()
