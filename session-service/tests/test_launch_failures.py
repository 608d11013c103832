"""Whose fault it is that a program could not be started."""

from __future__ import annotations

import errno

import pytest

from gestalt_session.service import _as_refusal
from gestalt_session.terminal.hosts import HostFailed
from gestalt_session.terminal.pty_host import CreateFailed, HostGone


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOEXEC, errno.E2BIG, 0])
def test_a_program_that_cannot_be_run_is_the_callers_mistake(number: int) -> None:
    refusal = _as_refusal(CreateFailed("/no/such: reason", number))
    assert (refusal.status, str(refusal)) == (400, "failed to start: /no/such: reason")


@pytest.mark.parametrize(
    "error",
    [
        CreateFailed("/bin/bash: Resource temporarily unavailable", errno.EAGAIN),
        CreateFailed("/bin/bash: Cannot allocate memory", errno.ENOMEM),
        CreateFailed("99 sessions are all that the limit of open files allows", errno.EMFILE),
        CreateFailed("this pty host is retiring", errno.ESHUTDOWN),
        HostFailed("the pty host did not start"),
        HostGone("the pty host has ended"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        TimeoutError(),
    ],
)
def test_a_worker_that_cannot_start_any_program_is_unavailable(error: Exception) -> None:
    refusal = _as_refusal(error)
    assert (refusal.status, refusal.code) == (503, "service_unavailable")
