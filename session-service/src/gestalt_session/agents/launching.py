"""From a profile to what is run: its words, its surroundings, and what it is to be told (reference, agents §3.6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from gestalt_session.agents import commands
from gestalt_session.agents.problems import Problem, problem
from gestalt_session.agents.profile import Profile
from gestalt_session.agents.prompts import Library, PromptFailed, Rendered, render
from gestalt_session.agents.skill import Skill, as_xml
from gestalt_session.terminal.launch import NOT_INJECTED

LONGEST_ARGUMENT = 128 * 1024 - 1  # bytes; Linux takes no longer one (MAX_ARG_STRLEN, with its NUL)
TYPED = "stdin"
PACING = {
    "prompt_delay": 3_000_000_000,
    "inter_prompt_delay": 100_000_000,
    "final_enter_delay": 500_000_000,
    "enter_key_delay": 75_000_000,
    "on_air_timeout": 5_000_000_000,
}
"""Nanoseconds."""


class LaunchFailed(Exception):
    """The agent cannot be started as its profile says; the message says why."""


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a launch knows that a profile does not.

    `ports`: of the services `frontend`, `backend`, `otel`, `otel-grpc`, as far as there are. `notify`: the command that
    Codex runs at the end of a turn; empty leaves the profile's. `otel`: replaces the profile's `otel` when given.
    """

    session_id: str
    ports: Mapping[str, int] = {}
    notify: Sequence[str] = ()
    otel: Mapping[str, Any] | None = None


class LaunchPlan(Struct, frozen=True, kw_only=True):
    """Everything a session of an agent is started with.

    `command`: for people, prompts elided. `prompt_injection`: the object of the 201; its payload is to be typed, after
    `onair_string` was seen if there is one.
    """

    argv: list[str]
    command: str
    env: dict[str, str]
    prompt_files: list[str]
    skills: list[str]
    prompt_injection: dict[str, Any]
    onair_string: str
    warnings: tuple[Problem, ...] = ()


def plan(profile: Profile, skills: Sequence[Skill], library: Library, surroundings: Surroundings) -> LaunchPlan:
    """How to start `profile`. Reads its prompts. Raises LaunchFailed."""
    prompts = _prompts(profile, library, surroundings)
    texts = _texts(skills, prompts)
    argv = _argv(profile, surroundings, texts)
    _check_lengths(argv)
    return LaunchPlan(
        argv=argv,
        command=commands.shown(argv),
        env=dict(profile.env),
        prompt_files=list(dict.fromkeys(name for prompt in prompts for name in prompt.files)),
        skills=[skill.name for skill in skills],
        prompt_injection=_injection([] if profile.takes_instructions else texts),
        onair_string=profile.onair_string,
        warnings=tuple(_warnings(prompts, library)),
    )


def _prompts(profile: Profile, library: Library, surroundings: Surroundings) -> list[Rendered]:
    try:
        return [
            render(name, library, session_id=surroundings.session_id, ports=surroundings.ports)
            for name in profile.prompts
        ]
    except PromptFailed as error:
        raise LaunchFailed(str(error)) from error


def _texts(skills: Sequence[Skill], prompts: Sequence[Rendered]) -> list[str]:
    """What is to be said, message by message; the skills stand before the first."""
    first = as_xml(skills)
    texts = [prompt.text for prompt in prompts if prompt.text.strip()]
    if not first:
        return texts
    return ["\n\n".join([first, *texts[:1]]), *texts[1:]]


def _argv(profile: Profile, surroundings: Surroundings, texts: Sequence[str]) -> list[str]:
    if not profile.takes_instructions:
        return list(profile.argv)
    last = {commands.INSTRUCTIONS: "\n\n".join(texts)} if texts else {}
    forced = _forced(surroundings)
    if not profile.config:  # its own shell, to which codex's options are added
        return [*profile.argv, *commands.codex_options(forced, last)]
    given = {key: value for key, value in profile.config.items() if key not in last}
    return ["codex", *commands.codex_options(given | forced, last)]


def _forced(surroundings: Surroundings) -> dict[str, Any]:
    forced: dict[str, Any] = {"notify": list(surroundings.notify)} if surroundings.notify else {}
    return forced if surroundings.otel is None else forced | {"otel": surroundings.otel}


def _check_lengths(argv: Iterable[str]) -> None:
    longest = max((len(word.encode()) for word in argv), default=0)
    if longest > LONGEST_ARGUMENT:
        raise LaunchFailed(f"prompts and skills make {longest} bytes; a command line takes {LONGEST_ARGUMENT}")


def _injection(texts: list[str]) -> dict[str, Any]:
    if not texts:
        return NOT_INJECTED
    return {"mode": TYPED, "payload": texts, "pacing": PACING}


def _warnings(prompts: Iterable[Rendered], library: Library) -> Iterable[Problem]:
    for prompt in prompts:
        path = Path(library.folder, prompt.files[0])
        yield from (problem(path, text) for text in prompt.warnings)
