"""`python -m gestalt_session` as its parent sees it: one line when it is ready, one line when it cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from viewing import BEARER, INTERNAL

from gestalt_session.__main__ import read_settings

STOP_SECONDS = 3.0
START_SECONDS = 20.0


@asynccontextmanager
async def process(folder: Path, **variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """One worker without a Redis; killed when the test is over."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "REDIS_"))}
    nowhere = f"unix://{folder}/none.sock"
    ours = {"REDIS_URL": nowhere, "GESTALT_INTERNAL_TOKEN": INTERNAL, "GESTALT_WORKSPACE": str(folder)}
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gestalt_session"),
        env={**clean, **ours, **variables},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def last_words(folder: Path, **variables: str) -> tuple[int | None, str, str]:
    """How it ends by itself: exit code, stdout, stderr."""
    async with process(folder, **variables) as started, asyncio.timeout(START_SECONDS):
        out, err = await started.communicate()
    return started.returncode, out.decode(), err.decode()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "GESTALT_INTERNAL_TOKEN is empty"),
        ({"GESTALT_INTERNAL_TOKEN": "t", "GESTALT_JOURNAL_SIZE": "1", "GESTALT_LOST_AFTER": "soon"}, "lost_after: "),
        ({"GESTALT_INTERNAL_TOKEN": "t", "GESTALT_PORT": "http"}, "port: "),
    ],
)
def test_what_is_wrong_with_the_settings_is_one_line(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name in [name for name in os.environ if name.startswith("GESTALT_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        read_settings()
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_what_cannot_be_used_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, err = await last_words(tmp_path, GESTALT_PORT=port)
    assert (code, out) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in err
    assert err.count("\n") == 1
    file = tmp_path / "file"
    file.touch()
    code, out, err = await last_words(tmp_path, GESTALT_DATA_DIR=str(file))
    assert (code, out) == (1, "")
    assert str(file) in err
    assert err.count("\n") == 1


async def test_it_serves_without_redis_and_logs_json(tmp_path: Path) -> None:
    async with process(tmp_path) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        async with asyncio.timeout(START_SECONDS):
            ready = (await started.stdout.readline()).decode()
        assert ready.startswith("ready http://127.0.0.1:")
        async with httpx.AsyncClient(base_url=ready.split()[1], headers=BEARER, trust_env=False, timeout=10) as http:
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).json() == {"ok": False, "failing": ["redis"]}
            assert (await http.get("/api/sessions")).json() == []
            assert (await http.post("/api/sessions", json={})).status_code == 503
        started.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            assert await started.wait() == 0
        assert await started.stdout.read() == b""
        for line in (await started.stderr.read()).splitlines():
            assert {"level", "timestamp", "message"} <= set(json.loads(line))


async def test_a_signal_ends_it_with_exit_code_0(tmp_path: Path) -> None:
    async with process(tmp_path) as started:
        assert started.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            await started.stdout.readline()
        started.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_SECONDS):
            assert await started.wait() == 0
