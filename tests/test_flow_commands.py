"""`gestalt flow …` against the running system: a new user's way from a bundle to what it did and did not do."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.support import commands
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
TOKEN = "the-servers-secret"
run = partial(commands.run, token=TOKEN)
BUNDLE = """\
version: 1
flows:
  - id: notes
    event_type: file-change
    match:
      - field: path
        op: glob
        value: "*.md"
    bindings:
      - activity_id: toast_notification
        config:
          level: info
          message_template: Changed {{path}}
  - id: work
    event_type: work-start
    where:
      session.id: turner
    bindings:
      - activity_id: toast_notification
        config:
          level: info
          message_template: "{{message}}"
"""


async def test_what_is_wrong_with_a_bundle_is_said_line_by_line_and_changes_nothing(system: Stack, api: Api) -> None:
    before = await api.get("/api/flow/config")
    wrong = BUNDLE.replace("level: info", "level: loud")
    for command in ("validate", "import"):
        done = await run(system, "gestalt", "flow", command, "-", stdin=wrong.encode())
        assert (done.code, done.out) == (1, ""), done
        assert [line.partition(" ")[0] for line in done.err.splitlines()] == ["ERROR", "ERROR"]
        assert "flows[0].bindings[0].config.level" in done.err
    tried = await run(system, "gestalt", "flow", "test", "-f", "-", "x", stdin=wrong.encode())
    assert (tried.code, tried.out, tried.err.count("ERROR flows[")) == (1, "", 2), tried
    shapeless = b'{"triggers": [{"id": "t", "event_type": "x", "wat": 1}]}'
    told = await run(system, "gestalt", "flow", "validate", "-", stdin=shapeless)
    assert (told.code, told.err) == (1, "ERROR triggers[0].wat: unknown key 'wat'\n")
    broken = await run(system, "gestalt", "flow", "import", "-", stdin=b"version: [")
    assert (broken.code, broken.out, broken.err.count("\n")) == (1, "", 1)
    nothing = await run(system, "gestalt", "flow", "import", "nowhere.yaml")
    assert (nothing.code, nothing.err) == (1, "gestalt flow: cannot read nowhere.yaml: No such file or directory\n")
    for argv in (["test"], ["test", "a=b"], ["test", "x", "nonsense"]):
        assert (await run(system, "gestalt", "flow", *argv)).code == 2
    unknown = await run(system, "gestalt", "flow", "runs", "nobody")
    assert (unknown.code, unknown.err) == (1, "run not found\n")
    assert await api.get("/api/flow/config") == before


async def test_from_a_bundle_to_its_history(system: Stack, api: Api, tmp_path: Path) -> None:
    bundle = tmp_path / "flows.yaml"
    bundle.write_text(BUNDLE)
    valid = await run(system, "gestalt", "flow", "validate", str(bundle))
    assert (valid.code, valid.out, valid.err) == (0, "", "")
    tried = await run(system, "gestalt", "flow", "test", "-f", str(bundle), "file-change", "path=/w/notes.md")
    assert "fires: notes" in tried.out, tried
    assert "message_template = Changed /w/notes.md" in tried.out
    assert "does not fire: work" in tried.out
    imported = await run(system, "gestalt", "flow", "import", str(bundle))
    assert (imported.code, imported.out, imported.err) == (0, "", "")
    exported = await run(system, "gestalt", "flow", "export")
    again = await run(system, "gestalt", "flow", "import", "-", stdin=exported.out.encode())
    assert (again.code, (await run(system, "gestalt", "flow", "export")).out) == (0, exported.out)
    listed = (await run(system, "gestalt", "flow", "list")).out.splitlines()
    assert [line.split()[0] for line in listed] == ["ID", "notes", "work"]

    (system.workspace / "other.txt").write_text("x")
    (system.workspace / "notes.md").write_text("x")
    await notified(system, api)

    async def succeeded() -> bool:
        done = json.loads((await run(system, "gestalt", "flow", "runs", "--status", "succeeded", "--json")).out)
        return {found["trigger_id"] for found in done} == {"notes", "work"}

    await eventually(succeeded, 15, what="both flows have run")
    work = json.loads((await run(system, "gestalt", "flow", "runs", "--type", "work-start", "--json")).out)
    told = (await run(system, "gestalt", "flow", "runs", work[0]["id"])).out
    assert '+ session.id where "turner": it is "Turner 1"' in told
    assert "message_template = begin" in told
    assert "toast_notification: succeeded" in told
    missed = await run(system, "gestalt", "flow", "runs", "--unmatched", "--flow", "notes")
    assert "other.txt" in missed.out
    assert 'path glob "*.md": it is' in missed.out


async def notified(system: Stack, api: Api) -> None:
    """A session's hook has told that work begins."""
    agents = system.workspace / ".gestalt" / "config" / "agents"
    agents.mkdir(parents=True, exist_ok=True)
    (agents / "turner.toml").write_text('name = "Turner"\nshell = "cat"\n')
    session = await api.create(agent="turner")
    hook = await run(system, "gestalt", "notify", session["id"], '{"type": "work-start", "message": "begin"}')
    assert hook.code == 0, hook
