"""Typing prompts for agents: what comes in the way is told, and nothing waits for ever."""

from __future__ import annotations

from typing import Any

import pytest
from session_world import DEAF, ECHO, QUIET, Running, World, kill
from waiting import eventually

from gestalt_contracts.channels import Stream
from gestalt_session.agents.launching import PACING
from gestalt_session.prompting import Prompter
from gestalt_session.terminal.folder import PromptsFile

pytestmark = pytest.mark.asyncio(loop_scope="module")
QUICK = {name: value // 100 for name, value in PACING.items()}


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_session.prompting.READY_SECONDS", 0.5)
    monkeypatch.setattr("gestalt_session.prompting.STILL_SECONDS", 0.1)
    monkeypatch.setattr("gestalt_session.prompting.TYPING_SECONDS", 0.3)


async def told(
    worker: Running, command: list[str], *texts: str, word: str = "", pacing: dict[str, int] = QUICK
) -> tuple[str, Prompter]:
    """A session, whose prompts are being typed; its uid."""
    made = await worker.create(command, title="agent")
    session = worker.service.held(made["uid"])
    session.file.agent_id, session.file.agent_name = "coder", "Coder"
    prompter: Prompter = worker.server.lifespan.state["agent_sessions"]._prompter
    session.file.prompt_injection, session.file.onair_string = {"payload": list(texts), "pacing": pacing}, word
    session.folder.save(session.file)
    prompter.prompt(session)
    return made["uid"], prompter


def errors(world: World, uid: str) -> list[Any]:
    """What was told of it."""
    entries = world.bus._streams[Stream.EVENTS]._entries
    return [e.event for e in entries if (e.event.type, e.event.session_uid) == ("agent_error", uid)]


async def complaint(world: World, uid: str) -> str:
    """What is told of it."""
    (event,) = await eventually(lambda: errors(world, uid))
    assert (event.topic, event.agent_id, event.data["agent_name"]) == ("agent", "coder", "Coder")
    return str(event.data["context"]["error"]).removeprefix("prompts were not typed: ")


async def test_a_word_that_never_comes_is_told_and_nothing_is_typed(worker: Running) -> None:
    uid, _ = await told(worker, ECHO, "go", word="never")
    assert await complaint(worker.world, uid) == "'never' did not appear within 0.5 s"
    assert await worker.lines(uid) == ["ready"]


async def test_a_screen_that_is_never_still_is_told(worker: Running) -> None:
    uid, _ = await told(worker, ["sh", "-c", "while :; do echo x; sleep 0.02; done"], "go")
    assert await complaint(worker.world, uid) == "the screen was never still within 0.5 s"


async def test_a_program_that_does_not_read_is_told(worker: Running) -> None:
    uid, _ = await told(worker, DEAF, "x" * 100_000, word="ready")
    assert await complaint(worker.world, uid) == "the program does not read its input"


async def test_a_line_that_the_terminal_would_cut_is_not_typed(worker: Running) -> None:
    uid, _ = await told(worker, QUIET, "x" * 4096)
    assert await complaint(worker.world, uid) == "a line of 4096 bytes is longer than the 4095 that the terminal keeps"


async def test_one_that_fails_keeps_no_other_from_its_prompts(worker: Running) -> None:
    gone, prompter = await told(worker, ["true"], "go", word="never")
    assert await complaint(worker.world, gone) == "the program has ended"
    uid, again = await told(worker, ECHO, "one\ntwo\n", word="ready")
    assert again is prompter
    await worker.shows(uid, "readyone")


async def test_a_word_is_seen_through_its_colours(worker: Running) -> None:
    program = r"stty raw -echo; printf 're\033[1mad\033[0my'; exec cat"
    uid, _ = await told(worker, ["sh", "-c", program], "go", word="ready")

    async def echoed() -> bool:
        return "go" in "".join(await worker.lines(uid))

    await eventually(echoed)


# -- workers that end before they are done


async def test_what_a_worker_leaves_in_the_middle_is_told_once_and_not_typed_again(world: World) -> None:
    first = await world.start()
    uid, _ = await told(first, ECHO, "one", "two", pacing=QUICK | {"enter_key_delay": 60 * 10**9})
    await first.shows(uid, "readyone")
    await first.stop()
    second = await world.start()
    assert await complaint(world, uid) == "the worker ended in the middle of number 1"
    await second.stop()
    third = await world.start()
    other, _ = await told(third, ["true"], "go", word="never")
    await complaint(world, other)
    assert len(errors(world, uid)) == 1
    assert await third.lines(uid) == ["readyone"]


async def test_the_next_worker_goes_on_after_the_last_prompt_that_was_typed(world: World) -> None:
    first = await world.start()
    slow = QUICK | {"inter_prompt_delay": 60 * 10**9}
    uid, _ = await told(first, ECHO, "one", "two", "three", pacing=slow)
    folder = first.service.held(uid).folder
    await eventually(lambda: folder.prompts.exists() and folder.load_prompts() == PromptsFile(typed=1))
    await first.stop()
    file = folder.load()
    file.prompt_injection = {"payload": ["one", "two", "three"], "pacing": QUICK}
    folder.save(file)
    second = await world.start()
    await eventually(lambda: folder.load_prompts().over)
    await second.stop()
    third = await world.start()
    await third.type(uid, b"!")

    async def typed() -> bool:
        return "".join(await third.lines(uid)).replace("\r", "") == "readyonetwothree!"

    await eventually(typed)
    assert not errors(world, uid)


async def test_a_program_that_ended_between_two_workers_is_told(world: World) -> None:
    first = await world.start()
    uid, _ = await told(first, ["sh", "-c", "sleep 600"], "go", word="never")
    pid = (await first.session(uid))["pid"]
    await first.stop()
    kill(pid)
    await world.start()
    assert await complaint(world, uid) == "the program has ended"
