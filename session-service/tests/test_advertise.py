"""The address that a worker tells gateways."""

from __future__ import annotations

import socket

import pytest

from gestalt_session.__main__ import advertised


def test_a_machine_without_an_address_is_refused_in_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(_: str) -> str:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "gethostbyname", unknown)
    with pytest.raises(SystemExit, match=r"^session worker: .*GESTALT_ADVERTISE.*$"):
        advertised("0.0.0.0", 57418)  # noqa: S104 - what containers listen on


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.7"])
def test_a_worker_bound_to_one_address_advertises_it(host: str) -> None:
    assert advertised(host, 57418) == f"{host}:57418"


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert advertised("::1", 57418) == "[::1]:57418"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])  # noqa: S104 - what containers listen on
def test_a_worker_bound_to_every_address_advertises_its_machines_own(
    everywhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "worker-3")
    monkeypatch.setattr(socket, "gethostbyname", {"worker-3": "192.0.2.3"}.__getitem__)
    assert advertised(everywhere, 57418) == "192.0.2.3:57418"
