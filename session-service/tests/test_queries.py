"""A program's questions to its terminal, with a real screen: one answer each, in order, right, whoever watches."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from session_world import ECHO, Running, World, kill, of
from test_kill import killable
from viewing import Viewer
from waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
ASKING = [sys.executable, str(Path(__file__).with_name("asking.py"))]
QUESTIONS, VIEWERS = 1_000, 5
MEDIAN_SECONDS = 0.005
TOLD = re.compile(r'\{"(?:answers|heard)".*\}')
ALL = (
    r"\e[2;5H\e[31mx\e[>1u\e[?2004h\e[4 q\e[c\e[6n\e[>c\e[?6n\e[=c\e[5n\e[?2004$p\e[?2026$p\e[?u\e[>q"
    r"\eP$qm\e\\\eP$q q\e\\\e[18t\e[14t\e]11;?\a\e]4;1;?\e\\\eP+q544e\e\\\e[6n"
).replace(r"\e", r"\x1b")
ALL_ANSWERED = (
    "\x1b[?1;2c\x1b[2;6R\x1b[>0;276;0c\x1b[?2;6R\x1bP!|00000000\x1b\\\x1b[0n\x1b[?2004;1$y\x1b[?2026;2$y\x1b[?1u"
    "\x1bP>|xterm.js(6.0.0)\x1b\\\x1bP1$r0;31m\x1b\\\x1bP1$r4 q\x1b\\\x1b[8;24;80t\x1b[4;480;800t"
    "\x1b]11;rgb:0f0f/1111/1717\x07\x1b]4;1;rgb:f2f2/7777/7f7f\x1b\\\x1bP1+r544e=787465726d2d323536636f6c6f72\x1b\\"
    "\x1b[2;6R"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeing(shared: World) -> AsyncIterator[Running]:
    """A worker with a screen process that has come up."""
    worker = await shared.start(screens=True)
    made = await worker.create(ECHO)
    await eventually(lambda: _shows(worker, made["uid"]), within=20)
    yield worker


async def _shows(worker: Running, uid: str) -> bool:
    answer = await worker.http.get(of(uid, "screen"))
    return answer.status_code == 200 and answer.json()["lines"][0] == "ready"


async def told(worker: Running, uid: str, *, within: float = 60) -> dict[str, Any]:
    """What the asking program tells in the end."""

    async def line() -> dict[str, Any] | None:
        found = [match.group() for match in map(TOLD.search, await worker.lines(uid)) if match]
        return dict(json.loads(found[-1])) if found else None

    return dict(await eventually(line, within=within))


# -- how many, and how soon


async def test_without_viewers_each_answer_comes_at_once_and_is_right(seeing: Running) -> None:
    made = await seeing.create([*ASKING, "one-by-one", str(QUESTIONS)])
    said = await told(seeing, made["uid"])
    assert (said["answers"], said["right"]) == (QUESTIONS, True)
    assert said["median"] <= MEDIAN_SECONDS


class Terminal:
    """What a browser does: it answers each question that it sees, with what its own screen says."""

    def __init__(self, viewer: Viewer, reply: Callable[[int], bytes]) -> None:
        self._viewer = viewer
        self._reply = reply
        self.answered = 0

    async def answer(self) -> None:
        while True:
            asked = self._viewer.data.count(b"\x1b[6n")
            while self.answered < asked:
                await self._viewer.send(self._reply(self.answered))
                self.answered += 1
            await asyncio.sleep(0.001)


def place(number: int) -> bytes:
    """The true answer; in the first row it could be a key."""
    return b"\x1b[%d;%dR" % (number % 3 + 1, number % 8 + 1)


async def test_with_five_viewers_who_answer_too_there_are_exactly_as_many_answers_as_questions(seeing: Running) -> None:
    made = await seeing.create([*ASKING, "one-by-one", str(QUESTIONS), "go"])
    replies = (place, place, lambda _: b"\x1b[20;7R", lambda _: b"\x1b[1;2R", lambda n: place(n) + b"\x1b[?1;2c")
    async with AsyncExitStack() as stack:
        viewers = [await stack.enter_async_context(seeing.view(made["uid"], "cursor=0")) for _ in range(VIEWERS)]
        terminals = [Terminal(viewer, reply) for viewer, reply in zip(viewers, replies, strict=True)]
        for viewer in viewers:
            await viewer.shows(b"ready")
        await viewers[3].send(b"\x1b[?1;2c")  # of another size, but known to answer
        answering = [asyncio.create_task(terminal.answer()) for terminal in terminals]
        await viewers[0].send(b"g")
        said = await told(seeing, made["uid"])
        await eventually(lambda: [terminal.answered for terminal in terminals] == [QUESTIONS] * VIEWERS)
        for task in answering:
            task.cancel()
    assert (said["answers"], said["right"]) == (QUESTIONS, True)


async def test_a_thousand_in_one_write_are_answered_one_by_one(seeing: Running) -> None:
    made = await seeing.create([*ASKING, "at-once", str(QUESTIONS)])
    said = await told(seeing, made["uid"])
    assert (said["answers"], said["right"]) == (QUESTIONS, True)


async def test_all_questions_in_the_order_they_were_asked(seeing: Running) -> None:
    made = await seeing.create([*ASKING, "exactly", ALL])
    assert (await told(seeing, made["uid"]))["heard"] == ALL_ANSWERED


async def test_a_question_behind_a_flood_is_answered_for_the_screen_as_it_is_then(seeing: Running) -> None:
    flood = "".join(f"line {number}\\r\\n" for number in range(3_000)) + r"\x1b[7;9H\x1b[6n"
    made = await seeing.create([*ASKING, "exactly", flood])
    assert (await told(seeing, made["uid"]))["heard"] == "\x1b[7;9R"


async def test_who_asks_for_ever_without_listening_holds_up_nobody(seeing: Running) -> None:
    hostile = await seeing.create([*ASKING, "endless"])
    await eventually(lambda: _wrote(seeing, hostile["uid"], 4_000_000), within=30)
    session = seeing.service.held(hostile["uid"])
    made = await seeing.create([*ASKING, "one-by-one", "100"])
    said = await told(seeing, made["uid"])
    assert (said["answers"], said["right"]) == (100, True)
    assert said["median"] < 0.25
    assert session.input_waiting < 256 * 1024
    assert (await seeing.http.delete(of(hostile["uid"]))).status_code == 204


async def _wrote(worker: Running, uid: str, size: int) -> bool:
    return bool((await worker.session(uid))["output_bytes"] > size)


# -- who dies


async def test_without_the_screen_process_it_is_the_corner_and_with_the_next_it_is_right_again(world: World) -> None:
    worker = await world.start(screens=True)
    made = await worker.create(ECHO)
    await eventually(lambda: _shows(worker, made["uid"]), within=20)
    killed = worker.service.screens.pid
    assert killed is not None
    kill(killed)
    asked = await worker.create([*ASKING, "exactly", r"\x1b[5;5H\x1b[6n"])
    assert (await told(worker, asked["uid"]))["heard"] == "\x1b[5;5R"
    assert worker.service.screens.pid != killed


async def test_what_was_asked_while_no_worker_ran_is_answered_once_over_two_deaths(world: World) -> None:
    go = world.folder / "go"
    waits = f"stty raw -echo; printf ready; while [ ! -e {go} ]; do sleep 0.01; done; printf 'ab\\033[6n'; exec cat -v"
    async with killable(world, "screens") as worker:
        made = (await worker.http.post("/api/sessions", json={"command": ["sh", "-c", waits]})).json()
        journal = next(world.data.glob(f"slots/*/sessions/{made['uid']}/journal")) / f"{0:020d}"
        await eventually(lambda: journal.is_file() and journal.read_bytes() == b"ready")
        await worker.kill()
    go.touch()
    await eventually(lambda: journal.read_bytes().endswith(b"\x1b[6n"))
    for _ in range(2):
        async with killable(world, "screens") as worker:
            await eventually(lambda: journal.read_bytes().endswith(b"^[[1;8R"), within=15)
            await worker.kill()
    async with killable(world, "screens") as worker:
        await worker.http.post(of(made["uid"], "input"), content=b"|")
        await eventually(lambda: journal.read_bytes().endswith(b"|"))
        assert journal.read_bytes() == b"readyab\x1b[6n^[[1;8R|"


# -- what is typed


async def test_shift_f3_is_typed_whoever_watches(seeing: Running) -> None:
    made = await seeing.create(["sh", "-c", "stty raw -echo; printf 'ready\\033[5;5H\\033[6n'; exec cat -v"])
    async with seeing.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"^[[5;5R")
        await viewer.send(b"\x1b[1;2R")
        await viewer.shows(b"^[[1;2R")
        await viewer.send(b"\x1b[5;5R")
        await viewer.send(b"\x1b[1;2R")
        await eventually(lambda: viewer.data.count(b"^[[1;2R") == 2)
        assert viewer.data.count(b"R") == 3


# -- what programs say of themselves


async def test_title_directory_and_prompt_are_in_the_summary_and_told(seeing: Running) -> None:
    async with seeing.listen("/api/sessions/events") as events:
        said = r"\033]0;vim\007\033]7;file:///tmp\033\\\033]133;A\007\033]133;B\007\033]133;C\007\033]133;D;3\007"
        made = await seeing.create(f"printf '{said}'; exec sleep 600")

        async def summary() -> dict[str, Any] | None:
            found = await seeing.session(made["uid"])
            return found if found["prompt"] == {"state": "finished", "exit_code": 3} else None

        found = dict(await eventually(summary))
        assert (found["terminal_title"], found["cwd"], found["title"]) == ("vim", "/tmp", made["title"])
        mine = [word for word in events.words if word.get("session_id") == made["id"]]
        await eventually(lambda: len([word for word in events.words if word.get("session_id") == made["id"]]) >= 7)
        mine = [(word["type"], word.get("data")) for word in events.words if word.get("session_id") == made["id"]]
        assert ("terminal_title", {"terminal_title": "vim"}) in mine
        assert ("terminal_cwd", {"cwd": "/tmp"}) in mine
        assert [data["state"] for kind, data in mine if kind == "terminal_prompt"] == [
            *["prompt", "input", "running", "finished"]
        ]
        assert ("terminal_prompt", {"state": "finished", "exit_code": 3}) in mine


# -- real programs


async def test_tput_u7_in_a_readline_shell(seeing: Running) -> None:
    made = await seeing.create(["bash", "--norc", "--noprofile"], env={"PS1": "sh> "})
    await seeing.shows(made["uid"], "sh> ")
    ask = "stty -echo; tput cup 6 11; tput u7; IFS=';' read -rs -d R row col; stty echo; echo; echo at ${row#*[}-$col"
    await seeing.type(made["uid"], ask.encode(), enter=1)
    await seeing.shows(made["uid"], "at 7-12")
    await seeing.type(made["uid"], b"echo still $((40+2))", enter=1)
    await seeing.shows(made["uid"], "still 42")


@pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")
async def test_vim_gets_its_answers_and_types_none_of_them(seeing: Running, tmp_path: Path) -> None:
    file = tmp_path / "text"
    command = ["vim", "-Nu", "NONE", "-i", "NONE", "-n", "--cmd", "set term=xterm-256color", str(file)]
    made = await seeing.create(command, cols=80, rows=24)
    async with seeing.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"\x1bP+q")  # what it asks once it knows what terminal it has
        await asyncio.gather(*(viewer.send(reply) for reply in (b"\x1b[>0;276;0c", b"\x1b[1;2R", b"\x1b[2;2R")))
        await seeing.type(made["uid"], b":put =v:termresponse\r")
        await seeing.type(made["uid"], b":put =&background\r:w\r")
        await eventually(file.is_file)
        await eventually(lambda: len(file.read_text().split()) == 2)
        assert file.read_text().split() == ["\x1b[>0;276;0c", "dark"]
        await seeing.type(made["uid"], b":q\r")
    assert (await seeing.closed(made["uid"]))["exit_code"] == 0
