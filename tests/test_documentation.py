"""The documents say what is: their commands run, their tables match the code."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import IO, Any

import pytest

from gestalt_flow.settings import Settings as FlowSettings
from gestalt_gateway.settings import GatewaySettings
from gestalt_session.settings import Settings as SessionSettings
from gestalt_telemetry.settings import Settings as TelemetrySettings
from tests.support import programs
from tests.support.eventually import eventually
from tests.support.stack import Stack

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SETTINGS = ROOT / "docs" / "settings.md"
MEMBERS = ("contracts", "serving", "gateway", "session-service", "flow-service", "telemetry-service", "cli")
BLOCK = re.compile(r"```sh( watch)?\n(.*?)```", re.DOTALL)
DOCUMENTED = {
    "session-service": SessionSettings,
    "gateway": GatewaySettings,
    "flow-service": FlowSettings,
    "telemetry-service": TelemetrySettings,
}


def test_member_readmes_fit_on_a_screen() -> None:
    for member in MEMBERS:
        lines = (ROOT / member / "README.md").read_text().splitlines()
        assert 5 < len(lines) <= 40, member


def test_the_make_verbs_that_documents_name_exist() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in (README, ROOT / "CONTRIBUTING.md"):
        assert set(re.findall(r"make ([a-z-]+)`", document.read_text())) <= verbs


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in (README, ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("member", DOCUMENTED)
def test_the_settings_page_is_what_the_code_says(member: str) -> None:
    assert settings_table(member) in SETTINGS.read_text(), f"write this under {member}:\n{settings_table(member)}"


def settings_table(member: str) -> str:
    """The table of one service's settings, from its fields and the sentence below each."""
    model = DOCUMENTED[member]
    source = "".join(
        inspect.getsource(base) for base in reversed(model.__mro__) if base.__module__.startswith("gestalt")
    )
    said = dict(re.findall(r'^    (\w+): .*\n    """(.*?)"""', source, re.MULTILINE))
    rows = [f"| `{_variable(name, field)}` | {said[name]} |" for name, field in model.model_fields.items()]
    return "\n".join(["| variable | what |", "|---|---|", *rows])


def _variable(name: str, field: Any) -> str:
    return str(field.validation_alias or f"GESTALT_{name.upper()}")


@pytest.mark.parametrize(
    ("title", "begun", "shown"),
    [
        ("Try it", b"bash", b"still 42"),
        ("An agent", b"\rI am Helper 1\r\n", b"echo I am Helper 1\r\nI am Helper 1\r\n"),
    ],
)
async def test_the_readme_can_be_followed(tmp_path: Path, title: str, begun: bytes, shown: bytes) -> None:
    """Every command of a section, in order, as a reader would run them, who goes on once the viewer shows `begun`."""
    section = README.read_text().partition(f"## {title}")[2].partition("\n## ")[0]
    blocks = BLOCK.findall(section)
    async with Stack(tmp_path) as stack:
        port = stack.url.rpartition(":")[2]
        watched = tmp_path / "watched"
        commands = [(bool(watch), _as_run_here(command, port)) for watch, command in blocks]
        with watched.open("wb") as seen:
            viewer: subprocess.Popen[bytes] | None = None
            try:
                for watch, command in commands:
                    if watch:
                        viewer = _watch(command, stack, seen)
                        await eventually(lambda: begun in watched.read_bytes(), 20, what=f"the viewer shows {begun!r}")
                    else:
                        await _run(command, stack)
                    for answer in re.findall(r"echo (\D*)\$\(\((.*?)\)\)", command):
                        wanted = answer[0].encode() + b"42"
                        await eventually(lambda wanted=wanted: wanted in watched.read_bytes(), 10, what=str(wanted))  # type: ignore[misc]
                assert viewer is not None
                await eventually(lambda: viewer.poll() is not None, 10, what="the viewer ends with its session")
            finally:
                if viewer is not None:
                    viewer.kill()
                    viewer.wait()
        assert shown in watched.read_bytes().replace(b"\x1b[?2004l\r", b"")
        cast = stack.workspace / "hello.cast"
        assert not cast.exists() or cast.read_text().startswith('{"version":2')


async def test_the_example_viewer_shows_a_session_to_its_end(tmp_path: Path) -> None:
    async with Stack(tmp_path) as stack, stack.api() as api:
        session = await api.create(programs.numbered(0.1, tmp_path / "written"))
        argv = [str(ROOT / "docs" / "examples" / "viewer.py"), f"ws{stack.url.removeprefix('http')}", session["id"]]
        viewer = await asyncio.create_subprocess_exec(sys.executable, *argv, stdout=subprocess.PIPE)
        async with asyncio.timeout(20):
            shown, _ = await viewer.communicate()
        assert shown
        assert programs.expected(0, 100_000).endswith(shown)


def _watch(command: str, stack: Stack, seen: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(shlex.split(command), env=_environment(stack), stdout=seen, stdin=subprocess.DEVNULL)


def _environment(stack: Stack) -> dict[str, str]:
    """A reader's, whose server listens on the port of this test."""
    return {**os.environ, **stack.environment(), "GESTALT_URL": stack.url}


def _as_run_here(command: str, port: str) -> str:
    """With this test's port and interpreter; the workspace is the working directory, as after `make run`."""
    bin_folder = Path(sys.executable).parent
    return textwrap.dedent(command).replace("57417", port).replace(".venv/bin/", f"{bin_folder}/")


async def _run(command: str, stack: Stack) -> None:
    process = await asyncio.create_subprocess_shell(
        f"set -e\n{command}",
        cwd=stack.workspace,
        env=_environment(stack),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        output, _ = await process.communicate()
    assert process.returncode == 0, f"{command}\n{output.decode()}"
    assert b'"error"' not in output, f"{command}\n{output.decode()}"
