"""Agents and skills over HTTP (contract §5; reference, agents §1, §2, §4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from session_world import Running, World, refused
from waiting import eventually

from gestalt_contracts.directory import SessionRecord, WorkerRecord

pytestmark = pytest.mark.asyncio(loop_scope="module")

ITEM = {
    "id", "name", "llm_type", "model", "interface", "session_id", "running", "hidden", "description", "singleton",
}  # fmt: skip
DETAILS = {"shell", "cli_type", "prompt", "skills", "onair_string", "cwd", "env", "path", "warnings", "errors"}


def write(world: World, name: str, text: str) -> Path:
    """A file of the configuration."""
    path = world.config / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mock(name: str = "Mock") -> str:
    return f'name = "{name}"\nshell = "bash -c \'exit 0\'"\nskills = ["two", "gone", "one"]\n'


def skill(name: str) -> str:
    return f"---\nname: {name}\ndescription: does {name}\nallowed-tools: Read\n---\nbody of {name}\n"


async def listed(worker: Running, agent_id: str) -> dict[str, Any]:
    """One entry of the list."""
    found: dict[str, Any] = next(agent for agent in await worker.get("/api/agents") if agent["id"] == agent_id)
    return found


# -- refusals


@pytest.mark.parametrize("name", ["none", "..", "%2e%2e", "a%00", "events", "mock.toml", "a%20b"])
async def test_an_agent_that_has_no_file_is_not_found(worker: Running, name: str) -> None:
    refused(await worker.http.get(f"/api/agents/x/../{name}"), 404, "agent not found" if name != ".." else "not found")


async def test_a_path_is_no_id(worker: Running) -> None:
    write(worker.world, "secret.toml", mock("Secret"))
    refused(await worker.http.get("/api/agents/..%2fsecret"), 404, "not found")


async def test_an_agent_that_is_not_listed_has_no_skills(worker: Running) -> None:
    write(worker.world, "agents/broken.toml", "bad")
    for name in ("none", "broken", "../x"):
        refused(await worker.http.get("/api/skills", params={"agent": name}), 404, "agent not found")


@pytest.mark.parametrize("name", ["none", "%2e%2e", "a%00"])
async def test_a_skill_that_has_no_folder_is_not_found(worker: Running, name: str) -> None:
    refused(await worker.http.get(f"/api/skills/{name}"), 404, "skill not found")


@pytest.mark.parametrize("path", ["/api/agents", "/api/agents/x", "/api/skills", "/api/skills/x"])
async def test_they_are_only_read(worker: Running, path: str) -> None:
    answer = await worker.http.post(path)
    refused(answer, 405, "method not allowed")
    assert answer.headers["allow"] == "GET"


# -- agents


async def test_a_profile_with_all_there_is_to_say(worker: Running) -> None:
    path = write(worker.world, "agents/mock.toml", mock())
    found = await worker.get("/api/agents/mock")
    assert set(found) == ITEM | DETAILS
    assert (found["name"], found["shell"], found["path"]) == ("Mock", "bash -c 'exit 0'", str(path))
    assert (found["running"], found["session_id"], found["singleton"]) == (False, "", True)
    assert found["errors"] == []
    assert {key: found["warnings"][0][key] for key in ("line", "key")} == {"line": 3, "key": "skills"}
    assert set(await listed(worker, "mock")) == ITEM


async def test_one_that_does_not_load_is_shown_with_why_and_not_listed(worker: Running) -> None:
    path = write(worker.world, "agents/broken.toml", 'name = "B"\nshell = \n')
    found = await worker.get("/api/agents/broken")
    assert set(found) == ITEM | DETAILS
    (error,) = found["errors"]
    assert error == {"file": str(path), "line": 2, "column": 9, "key": None, "message": error["message"]}
    assert error["message"].startswith("broken.toml: line 2: ")
    assert "broken" not in [agent["id"] for agent in await worker.get("/api/agents")]


async def test_the_list_is_in_order_and_follows_the_disk(worker: Running) -> None:
    for name in ("zz", "a-b", "a"):
        write(worker.world, f"agents/{name}.toml", mock(name))
    ids = [agent["id"] for agent in await worker.get("/api/agents")]
    assert ids == sorted(ids)
    assert {"zz", "a-b", "a", "coder"} <= set(ids)
    write(worker.world, "agents/zz.toml", mock("Renamed"))
    assert (await listed(worker, "zz"))["name"] == "Renamed"


# -- sessions of agents, on whatever worker


async def other_session(world: World, uid: str, status: str, agent_id: str) -> None:
    """A session of an agent on a worker elsewhere."""
    record = WorkerRecord(id="other", address="x", pid=1, host="h", capacity=1, version="1", started_at=1.0)
    other = await world.directory.register(record, floor=0)
    name = await world.directory.claim(other, uid, "Mock", only=False, created_at=1.0)
    assert isinstance(name, str)
    summary = {"id": name, "uid": uid, "status": status, "agent_id": agent_id}
    written = SessionRecord(
        uid=uid, id=name, worker="other", generation=other.generation, created_at=1.0, status=status, summary=summary
    )
    await world.directory.write(other, [written])


@pytest.mark.parametrize(("status", "running"), [("running", True), ("starting", True), ("closed", False)])
async def test_a_session_elsewhere_counts_while_it_lives(world: World, status: str, running: bool) -> None:  # noqa: FBT001
    worker = await world.start()
    write(world, "agents/mock.toml", mock())
    await other_session(world, "u", status, "mock")
    for found in (await listed(worker, "mock"), await worker.get("/api/agents/mock")):
        assert (found["running"], found["session_id"]) == (running, "Mock 1" if running else "")
    assert not (await listed(worker, "coder"))["running"]


# -- skills


async def test_skills_are_listed_by_name_and_those_of_an_agent_in_its_order(worker: Running) -> None:
    for name in ("one", "two"):
        write(worker.world, f"skills/{name}/SKILL.md", skill(name))
    write(worker.world, "skills/one/scripts/run.sh", "")
    write(worker.world, "agents/mock.toml", mock())
    everything = {item["name"]: item for item in await worker.get("/api/skills")}
    assert list(everything) == sorted(everything)
    assert everything["one"] == {
        "name": "one", "description": "does one", "path": str(worker.world.config / "skills" / "one"), "license": "",
        "has_scripts": True, "has_references": False, "has_assets": False,
    }  # fmt: skip
    assert [item["name"] for item in await worker.get("/api/skills", agent=" mock ")] == ["two", "one"]
    assert len(await worker.get("/api/skills", agent=" ")) == len(everything)


async def test_a_skill_with_its_text(worker: Running) -> None:
    write(worker.world, "skills/one/SKILL.md", skill("one"))
    found = await worker.get("/api/skills/one")
    assert (found["body"], found["allowed_tools"], found["errors"]) == ("body of one\n", ["Read"], [])
    assert (found["compatibility"], found["metadata"]) == ("", {})


async def test_a_skill_that_does_not_load_says_why(worker: Running) -> None:
    write(worker.world, "skills/bad/SKILL.md", "---\nname: [\n---\n")
    assert "bad" not in [item["name"] for item in await worker.get("/api/skills")]
    found = await worker.get("/api/skills/bad")
    assert (found["name"], found["body"]) == ("bad", "")
    assert "not valid YAML" in found["errors"][0]["message"]


# -- what is told


async def test_a_file_that_goes_bad_is_told_once_by_all_workers(world: World) -> None:
    path = write(world, "agents/mock.toml", mock())
    workers = [await world.start(), await world.start()]
    async with workers[0].listen("/api/config/events") as viewer:
        write(world, "agents/mock.toml", 'name = "Mock"\nhidden = 1\nshell = "x"\n')
        told = await viewer.hears("config_validation_error")
        assert (told["config_type"], told["path"], told["change_type"]) == ("agent", str(path), "validation_error")
        assert told["message"].startswith("mock.toml: line 2: hidden: ")
        write(world, "agents/mock.toml", "worse")
        await viewer.hears("config_validation_error", 2)
        write(world, "agents/last.toml", "bad")
        await eventually(lambda: [word for word in viewer.words if "last" in word["path"]])
        assert [Path(word["path"]).name for word in viewer.words] == ["mock.toml", "mock.toml", "last.toml"]
