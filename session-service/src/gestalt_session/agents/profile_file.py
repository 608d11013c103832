"""Reading one profile: from the text of a file to a Profile and what is to be said about it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from msgspec import Struct

from gestalt_session.agents.cli_schemas import SCHEMAS
from gestalt_session.agents.commands import GENERATORS
from gestalt_session.agents.problems import Place, Problem, problem
from gestalt_session.agents.profile import Profile
from gestalt_session.agents.schema import Finding, mismatch
from gestalt_session.agents.toml_text import BadToml, Document, parse

OWN_KEYS = frozenset(
    {
        *("name", "description", "shell", "cli_type", "interface", "prompt", "skills", "onair_string", "singleton"),
        *("model", "llm_model", "hidden", "codex_mode", "cli_config", "cwd", "env"),
    }
)
"""Every other key is the CLI's."""
MOST_TOLD = 20  # warnings, and errors, of one file: who mends these will see the others
LONGEST_NAME = 120  # bytes; with its number it is a session's id
INFERRED = {"codex": "codex", "copilot": "copilot", "github-copilot": "copilot"}


class Loaded(Struct, frozen=True):
    """What came of a file. With errors the profile holds what could be understood, and may not be started."""

    profile: Profile
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()
    places: Mapping[str, Place] = {}  # where keys are set


def load(agent_id: str, path: Path, text: str) -> Loaded:
    """The profile in `text`."""
    try:
        document = parse(text)
    except BadToml as error:
        found = problem(path, f"not valid TOML: {error}", place=error.place)
        return Loaded(Profile(id=agent_id), errors=(found,))
    reader = _Reader(document.values)
    profile = reader.profile(agent_id)
    return _loaded(profile, reader.findings, path, document)


def _loaded(profile: Profile, findings: list[Finding], path: Path, document: Document) -> Loaded:
    def told(*, grave: bool) -> tuple[Problem, ...]:
        found = [
            problem(path, finding.text, key=finding.key, place=_place(document, finding.key))
            for finding in findings
            if finding.grave is grave
        ]
        return tuple(sorted(found, key=_by_line)[:MOST_TOLD])

    return Loaded(profile, told(grave=False), told(grave=True), document.places)


def _by_line(found: Problem) -> tuple[bool, int]:
    """What is missing has no line and comes last."""
    return found.line is None, found.line or 0


def _place(document: Document, key: str) -> Place | None:
    plain = key.partition("[")[0]
    return document.place(plain) or document.place(f"cli_config.{plain}")


class _Reader:
    """One pass over the keys of a file; everything that is wrong is gathered, so that people mend a file once."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self.findings: list[Finding] = []

    def profile(self, agent_id: str) -> Profile:
        """The profile, as far as it can be read."""
        cli_type = self._string("cli_type").lower()
        model = self._model()
        config = self._config(cli_type, model)
        argv = self._argv(cli_type, config)
        self._refuse_retired()
        return Profile(
            id=agent_id,
            name=self._name(),
            description=self._string("description"),
            argv=argv,
            cli_type=cli_type,
            llm_type=cli_type or _inferred(argv),
            model=model or _string_or_empty(config.get("model")),
            prompts=tuple(self._prompts()),
            skills=tuple(dict.fromkeys(self._strings("skills"))),
            onair_string=self._string("onair_string"),
            singleton=self._flag("singleton", default=True),
            hidden=self._flag("hidden", default=False),
            cwd=self._string("cwd"),
            env=self._env(),
            config=config,
        )

    def _say(self, key: str, text: str, *, grave: bool = True) -> None:
        self.findings.append(Finding(key, text, grave))

    def _string(self, key: str) -> str:
        value = self._values.get(key, "")
        if not isinstance(value, str):
            self.findings.append(mismatch("string", value, key))
            return ""
        if "\0" in value:
            self._say(key, "a NUL character cannot be passed to a program")
        return value.strip()

    def _flag(self, key: str, *, default: bool) -> bool:
        value = self._values.get(key, default)
        if not isinstance(value, bool):
            self.findings.append(mismatch("bool", value, key))
            return default
        return value

    def _strings(self, key: str) -> list[str]:
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.findings.append(mismatch("string[]", value, key))
            return []
        return [item.strip() for item in value if item.strip()]

    def _name(self) -> str:
        name = self._string("name")
        if not Profile(id="", name=name).title:
            self._say("name", "agent name is required")
        elif len(name.encode()) > LONGEST_NAME:
            self._say("name", f"agent name is longer than {LONGEST_NAME} bytes")
        return name

    def _prompts(self) -> list[str]:
        value = self._values.get("prompt", [])
        if not isinstance(value, str | list):
            self._say("prompt", "prompt must be a string or array")
            return []
        names = [value] if isinstance(value, str) else value
        if not all(isinstance(name, str) for name in names):
            self._say("prompt", "prompt entries must be strings")
            return []
        return [name.strip() for name in names if name.strip()]

    def _model(self) -> str:
        model, alias = self._string("model"), self._string("llm_model")
        if alias:
            self._say("llm_model", "llm_model is deprecated, write model", grave=False)
        return model or alias

    def _env(self) -> dict[str, str]:
        value = self._values.get("env", {})
        if not isinstance(value, dict):
            self.findings.append(mismatch("object", value, "env"))
            return {}
        return {name: text for name, text in value.items() if self._is_variable(name, text)}

    def _is_variable(self, name: str, text: Any) -> bool:
        if not isinstance(text, str):
            self.findings.append(mismatch("string", text, f"env.{name}"))
        elif not name or "=" in name or "\0" in name + text:
            self._say(f"env.{name}", "invalid environment variable")
        else:
            return True
        return False

    def _refuse_retired(self) -> None:
        if self._string("codex_mode"):
            self._say("codex_mode", "codex_mode is no longer supported")
        self._string("interface")  # read by nobody, but a number there is a mistake

    # -- the program -----------------------------------------------------------------------------------------------

    def _config(self, cli_type: str, model: str) -> dict[str, Any]:
        """The keys of the CLI: `[cli_config]` first, then those at the top, then the profile's model."""
        legacy = self._values.get("cli_config", {})
        if not isinstance(legacy, dict):
            self.findings.append(mismatch("object", legacy, "cli_config"))
            legacy = {}
        given = legacy | {key: value for key, value in self._values.items() if key not in OWN_KEYS}
        if cli_type in SCHEMAS:
            config = ({"model": model} if model else {}) | given
            self.findings += SCHEMAS[cli_type].findings(config, "")
            return config
        for key in given:
            self._refuse_unknown(key, cli_type)
        return {}

    def _refuse_unknown(self, key: str, cli_type: str) -> None:
        """A key that is nobody's: without a `cli_type` it may be a mistyped one of ours."""
        if not cli_type:
            self._say(key, "unknown field; agent cli_type is required for keys of a CLI")
        elif self._string("shell"):
            self._say(key, f'ignored: keys of cli_type "{cli_type}" are not known, write them into shell', grave=False)
        else:
            self._say("cli_type", f'agent cli_type "{cli_type}" is not supported without shell')

    def _argv(self, cli_type: str, config: Mapping[str, Any]) -> tuple[str, ...]:
        """The generated command, or the profile's own."""
        if config and not any(finding.grave for finding in self.findings):
            return self._without_nul(GENERATORS[cli_type](config))
        return () if config else self._shell()

    def _shell(self) -> tuple[str, ...]:
        shell = self._string("shell")
        if not shell:
            self._say("shell", "agent shell is required")
            return ()
        try:
            return tuple(shlex.split(shell))
        except ValueError as error:
            self._say("shell", f"cannot be split into words: {str(error).lower()}")
            return ()

    def _without_nul(self, argv: list[str]) -> tuple[str, ...]:
        if any("\0" in word for word in argv):
            self._say("cli_config", "a NUL character cannot be passed to a program")
        return tuple(argv)


def _inferred(argv: tuple[str, ...]) -> str:
    return INFERRED.get(PurePath(argv[0]).name, "") if argv else ""


def _string_or_empty(value: Any) -> str:
    return value if isinstance(value, str) else ""
