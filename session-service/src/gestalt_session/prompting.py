"""Telling an agent its prompts by its keyboard, once it is ready to read them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import msgspec
import structlog
from msgspec import Struct

from gestalt_session.cluster import announcements
from gestalt_session.cluster.outbox import Outbox
from gestalt_session.terminal.device import CANONICAL_LINE
from gestalt_session.terminal.folder import PromptsFile
from gestalt_session.terminal.journal import Trimmed
from gestalt_session.terminal.keyboard import KeyboardClosed, KeyboardFull, NotReading
from gestalt_session.terminal.lines import plain
from gestalt_session.terminal.pasting import longest_line, pasted
from gestalt_session.terminal.session import Session

READY_SECONDS = 30.0  # a CLI that is started cold, on a busy machine, takes some; one that takes longer is stuck
STILL_SECONDS = 1.0  # a screen that has been drawn
TYPING_SECONDS = 10.0  # how long a program has to take one prompt, as for any input
LOOK_SECONDS = 0.05
LOOKED_AT = 64 * 1024  # bytes of output in which the word is looked for
NANOSECONDS = 1e9
ENDED = "the program has ended"
MOST_WAITING = 1_000  # agents that are being told their prompts at one time

log = structlog.get_logger()


class NotTold(Exception):
    """The prompts were not, or not all, typed; the message says why."""


class Task(Struct, frozen=True):
    """What one agent is to be told. `word`: what it shows when it is ready; empty: when its screen is still.

    `typed`: how many of `texts` it has been told already.
    """

    session: Session
    texts: list[str]
    pacing: dict[str, int]
    word: str
    typed: int = 0

    def pause(self, name: str) -> float:
        """A pause of the launch, in seconds."""
        return self.pacing[name] / NANOSECONDS


class Prompter:
    """`prompt` never waits; `prompt_forever` types. What a worker has not typed when it ends is typed by the next.

    Nothing is typed twice: of a prompt in whose middle a worker ended, nobody knows how much arrived, so that is told.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._tasks: asyncio.Queue[Task] = asyncio.Queue(MOST_WAITING)

    def prompt(self, session: Session) -> None:
        """Tell the agent of `session` the payload of its launch. What comes in the way is told as agent_error."""
        self._go_on(session, PromptsFile())

    async def take_up(self, sessions: Iterable[Session]) -> None:
        """Go on with what the last worker of these sessions has not finished."""
        for session in sessions:
            if _has_prompts(session):
                await self._take_up(session)

    async def prompt_forever(self) -> None:
        """Each agent at its own pace."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._tell_agent(await self._tasks.get()), name="tell an agent its prompts")

    async def _take_up(self, session: Session) -> None:
        try:
            told = await asyncio.to_thread(session.folder.load_prompts)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("nobody knows which prompts were typed", session=session.id, error=str(error))
            return
        if told.typing:
            await self._give_up(session, f"the worker ended in the middle of number {told.typed + 1}")
        elif not told.over:
            self._go_on(session, told)

    def _go_on(self, session: Session, told: PromptsFile) -> None:
        injection = session.file.prompt_injection
        if not _has_prompts(session) or injection is None:
            return
        word = session.file.onair_string or ""
        try:
            self._tasks.put_nowait(Task(session, injection["payload"], injection["pacing"], word, told.typed))
        except asyncio.QueueFull:
            self._tell(session, "too many agents are being started at once")
        else:
            session.occupation.prompts_are(open=True)

    async def _tell_agent(self, task: Task) -> None:
        try:
            await _until_ready(task)
            await _type(task)
        except NotTold as error:
            await self._give_up(task.session, str(error))
        except Exception:
            log.exception("an agent could not be told its prompts", session=task.session.id)
            await self._give_up(task.session, "internal error")
        finally:
            task.session.occupation.prompts_are(open=False)

    async def _give_up(self, session: Session, reason: str) -> None:
        self._tell(session, reason)
        await _note(session, PromptsFile(over=True))

    def _tell(self, session: Session, reason: str) -> None:
        log.warning("an agent was not told its prompts", session=session.id, reason=reason)
        self._outbox.put(announcements.agent_error(session, f"prompts were not typed: {reason}"))


def _has_prompts(session: Session) -> bool:
    file = session.file
    return file.onair_string is not None and bool(file.prompt_injection and file.prompt_injection["payload"])


async def _note(session: Session, told: PromptsFile) -> None:
    """For the next worker."""
    try:
        await asyncio.to_thread(session.folder.save_prompts, told)
    except OSError as error:  # a full disk, a deleted session: the agent is told all the same
        log.warning("what was typed could not be noted", session=session.id, error=str(error))


async def _until_ready(task: Task) -> None:
    """Raises NotTold when it is not in READY_SECONDS, or never again."""
    looked = Look(task)
    until = time.monotonic() + READY_SECONDS
    while not looked.ready():
        if not task.session.live:
            raise NotTold(ENDED)
        if time.monotonic() > until:
            raise NotTold(looked.complaint())
        await asyncio.sleep(LOOK_SECONDS)


class Look:
    """Watching an agent's output for the moment at which it reads."""

    def __init__(self, task: Task) -> None:
        self._session = task.session
        self._word = task.word
        self._silence = task.pause("prompt_delay")  # how long one that shows nothing at all is waited for
        self._began = time.time()
        self._cursor = task.session.journal.base
        self._seen = b""

    def ready(self) -> bool:
        """Whether it is."""
        return self._shown() if self._word else self._still()

    def complaint(self) -> str:
        """Why it is not."""
        wanted = f"{self._word!r} did not appear" if self._word else "the screen was never still"
        return f"{wanted} within {READY_SECONDS:g} s"

    def _still(self) -> bool:
        """Its screen is drawn; one that draws nothing has had its time."""
        if self._session.journal.end:
            return time.time() - (self._session.last_output_at or 0.0) >= STILL_SECONDS
        return time.time() - self._began >= self._silence

    def _shown(self) -> bool:
        """The word is in the output, as it came or without the escape sequences between its letters."""
        self._read()
        text = self._seen.decode("utf-8", "replace")
        return self._word in text or self._word in plain(text)

    def _read(self) -> None:
        journal = self._session.journal
        while self._cursor < journal.end:
            try:
                chunk = journal.read(self._cursor, LOOKED_AT)
            except Trimmed as trimmed:
                self._cursor = trimmed.resume
                continue
            if not chunk:
                return
            self._cursor += len(chunk)
            self._seen = (self._seen + chunk)[-LOOKED_AT:]


async def _type(task: Task) -> None:
    """What was not typed yet, noting before and after each what would be known if this worker ended."""
    count = len(task.texts)
    for number in range(task.typed, count):
        await _note(task.session, PromptsFile(typed=number, typing=True))
        await _type_one(task, task.texts[number], last=number == count - 1)
        await _note(task.session, PromptsFile(typed=number + 1, over=number == count - 1))
        if number < count - 1:
            await asyncio.sleep(task.pause("inter_prompt_delay"))


async def _type_one(task: Task, text: str, *, last: bool) -> None:
    """A paste, then Enter; programs take an Enter that comes with a paste for a part of it."""
    await _press(task.session, _paste(task.session, text.rstrip("\n").encode()))
    await asyncio.sleep(task.pause("final_enter_delay" if last else "enter_key_delay"))
    await _press(task.session, b"\r")


def _paste(session: Session, text: bytes) -> bytes:
    """Raises NotTold where the terminal would lose a part of it."""
    brackets = session.wants_paste
    longest = longest_line(text)
    if longest > CANONICAL_LINE and session.device is not None and session.device.is_canonical():
        raise NotTold(f"a line of {longest} bytes is longer than the {CANONICAL_LINE} that the terminal keeps")
    return pasted(text, brackets=brackets)


async def _press(session: Session, data: bytes) -> None:
    keyboard = session.keyboard
    if keyboard is None or not session.live:
        raise NotTold(ENDED)
    try:
        await keyboard.type(data, seconds=TYPING_SECONDS)
    except NotReading:
        raise NotTold("the program does not read its input") from None
    except KeyboardClosed:
        raise NotTold(ENDED) from None
    except KeyboardFull:
        raise NotTold("too much input is waiting for this session") from None
    session.note_input()
