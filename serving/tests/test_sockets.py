"""Where a service listens, and the address that it tells gateways."""

from __future__ import annotations

import socket

import pytest

from gestalt_serving.sockets import advertised, bound


def test_a_port_that_is_taken_is_refused_in_one_line_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=rf"^flow-service: cannot listen on 127\.0\.0\.1:{port}: .*in use$"):
            bound("flow-service", "127.0.0.1", port)


def test_a_machine_without_an_address_is_refused_in_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(_: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", unknown)
    with pytest.raises(SystemExit, match=r"^session worker: .*GESTALT_ADVERTISE.*$"):
        advertised("session worker", "0.0.0.0", 57418)  # noqa: S104 - what containers listen on


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.7"])
def test_a_worker_bound_to_one_address_advertises_it(host: str) -> None:
    assert advertised("session worker", host, 57418) == f"{host}:57418"


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert advertised("session worker", "::1", 57418) == "[::1]:57418"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])  # noqa: S104 - what containers listen on
def test_a_worker_bound_to_every_address_advertises_its_machines_own(
    everywhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-3")
    monkeypatch.setattr(socket, "gethostbyname", {"worker-3": "192.0.2.3"}.__getitem__)
    assert advertised("session worker", everywhere, 57418) == "192.0.2.3:57418"
