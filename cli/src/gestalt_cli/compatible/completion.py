"""What a shell needs to complete a compatible command: its flags and the ids of the sessions."""

from __future__ import annotations

from gestalt_cli.compatible.flags import Flags, Usage

BASH = """\
_{function}() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" IFS=$'\\n'
  if [[ "$word" == -* ]]; then
    COMPREPLY=($(compgen -W "{lines}" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$(gestalt ls -q 2>/dev/null)" -- "$word" | sed 's/ /\\\\ /g'))
  fi
}}
complete -F _{function} {program}
"""
ZSH = """\
#compdef {program}
_{function}() {{
  local -a flags ids
  flags=({words})
  ids=("${{(@f)$(gestalt ls -q 2>/dev/null)}}")
  if [[ "$PREFIX" == -* ]]; then compadd -a flags; else compadd -a ids; fi
}}
compdef _{function} {program}
"""
TEMPLATES = {"bash": BASH, "zsh": ZSH}


def script(program: str, parser: Flags, arguments: list[str], usage_code: int) -> str:
    """The script for `completion <shell>`. Raises Usage for any other shell."""
    if len(arguments) != 1 or arguments[0] not in TEMPLATES:
        raise Usage(f"{program}: completion is for bash or zsh", exit_code=usage_code)
    flags = [name for name in parser.option_names() if name.startswith("--")]
    names = {"program": program, "function": program.replace("-", "_")}
    return TEMPLATES[arguments[0]].format(lines="\n".join(flags), words=" ".join(flags), **names)
