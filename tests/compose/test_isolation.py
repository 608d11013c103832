"""What the containers cannot do: be reached, write, gain rights, take the whole machine."""

from __future__ import annotations

import pytest

from tests.support.compose import Composition, Failed

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

OURS = ("gateway", "session-service", "flow-service", "telemetry-service")
SERVICE_USER = "10001"


def test_only_the_gateway_is_published_and_only_on_loopback(composition: Composition) -> None:
    for service in ("redis", "session-service", "flow-service", "telemetry-service"):
        for container in composition.containers(service):
            assert not any(composition.inspect(container)["NetworkSettings"]["Ports"].values()), service
    (gateway,) = composition.containers("gateway")
    published = [p for ports in composition.inspect(gateway)["NetworkSettings"]["Ports"].values() for p in ports or ()]
    assert published == [{"HostIp": "127.0.0.1", "HostPort": str(composition.port)}]


@pytest.mark.parametrize("service", OURS)
def test_services_have_no_rights_and_cannot_write_their_root(composition: Composition, service: str) -> None:
    for container in composition.containers(service):
        found = composition.inspect(container)
        assert found["Config"]["User"].split(":")[0] == SERVICE_USER
        assert found["HostConfig"]["ReadonlyRootfs"] is True
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in found["HostConfig"]["SecurityOpt"]
        assert composition.docker("exec", container, "id", "-u").strip() == SERVICE_USER
        for path in ("/here", "/opt/venv/here"):
            with pytest.raises(Failed, match="Read-only file system"):
                composition.docker("exec", container, "touch", path)


@pytest.mark.parametrize("service", ["redis", *OURS])
def test_processes_are_limited_reaped_and_brought_back(composition: Composition, service: str) -> None:
    for container in composition.containers(service):
        host = composition.inspect(container)["HostConfig"]
        assert host["PidsLimit"] > 0
        assert host["Init"] is True
        assert host["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize("service", OURS)
def test_secrets_are_files_and_in_no_environment(composition: Composition, service: str) -> None:
    secrets = (composition.token, composition.internal_token)
    for container in composition.containers(service):
        told = str(composition.inspect(container)["Config"])
        assert not any(secret in told for secret in secrets)
        assert composition.docker("exec", container, "cat", "/run/secrets/internal_token") == composition.internal_token


def test_a_worker_does_not_hold_the_servers_token(composition: Composition) -> None:
    for container in composition.containers("session-service"):
        assert composition.docker("exec", container, "ls", "/run/secrets").split() == ["internal_token"]


@pytest.mark.parametrize(
    ("service", "foreign"),
    [
        ("gateway", "gestalt_session"),
        ("session-service", "aiohttp"),
        ("telemetry-service", "gestalt_session"),
        ("flow-service", "gestalt_session"),
    ],
)
def test_an_image_holds_what_its_service_needs_and_no_installer(
    composition: Composition, service: str, foreign: str
) -> None:
    container = composition.containers(service)[0]
    for module in (foreign, "gestalt_cli", "pip", "uv", "pytest"):
        look = f"import importlib.util as u; print(u.find_spec({module!r}))"
        said = composition.docker("exec", container, "/opt/venv/bin/python", "-I", "-c", look)
        assert said.strip() == "None", module


def test_workers_own_their_volumes(composition: Composition) -> None:
    container = composition.containers("session-service")[0]
    for path in ("/data", "/workspace", "/home/gestalt"):
        assert composition.docker("exec", container, "stat", "-c", "%u", path).strip() == SERVICE_USER


def test_git_reads_a_repository_that_somebody_else_owns(composition: Composition) -> None:
    container = composition.containers("session-service")[0]
    composition.docker("exec", container, "git", "init", "--quiet", "/tmp/mounted")
    composition.docker("exec", "--user", "0", container, "git", "-C", "/tmp/mounted", "status", "--short")
