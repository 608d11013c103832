"""What an operator may set, and what is said when it is wrong."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from gestalt_gateway.__main__ import listener_of, read_settings
from gestalt_gateway.settings import GatewaySettings
from gestalt_serving.sockets import listening


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GESTALT_") or name == "REDIS_URL"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GESTALT_INTERNAL_TOKEN", "internal")


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refusal:
        read_settings()
    message = str(refusal.value.code)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GESTALT_PORT", "many"),
        ("GESTALT_PORT", "65536"),
        ("GESTALT_LOGIN_TTL", "soon"),
        ("GESTALT_PUBLIC_URL", "nowhere"),
        ("GESTALT_RATE_LIMIT", "-1"),
        ("GESTALT_INPUT_LIMIT", "0"),
        ("GESTALT_INTERNAL_TOKEN", ""),
        ("GESTALT_LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert name in refused(monkeypatch, **{name: value})


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "/nothing/here" in refused(monkeypatch, GESTALT_TOKEN_FILE="/nothing/here")


def test_no_secret_shows_in_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in refused(monkeypatch, GESTALT_TOKEN="hunter2", GESTALT_PORT="many")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])  # noqa: S104 - refused
def test_listening_beyond_loopback_needs_a_token_or_a_word(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert "GESTALT_TOKEN" in refused(monkeypatch, GESTALT_HOST=host)
    monkeypatch.setenv("GESTALT_TOKEN", "t0ken")
    assert read_settings().host == host
    monkeypatch.setenv("GESTALT_TOKEN", "")
    monkeypatch.setenv("GESTALT_INSECURE", "1")
    assert read_settings().host == host


def test_a_port_that_is_taken_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(listening("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setenv("GESTALT_PORT", port)
        with pytest.raises(SystemExit, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"):
            listener_of(read_settings())


def test_lists_durations_files_and_empty_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from file\n")
    monkeypatch.setenv("GESTALT_ALLOWED_HOSTS", "a.example, b.example:80,")
    monkeypatch.setenv("GESTALT_LOGIN_TTL", "15m")
    monkeypatch.setenv("GESTALT_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("GESTALT_PORT", "")
    monkeypatch.setenv("REDIS_URL", "unix:///somewhere")
    settings = read_settings()
    assert settings.allowed_hosts == ["a.example", "b.example:80"]
    assert settings.login_ttl == 900
    assert settings.server_token == "from file"
    assert settings.port == 57417
    assert settings.redis_url == "unix:///somewhere"


def test_every_setting_says_what_it_is_for() -> None:
    source = Path(__file__).parent.parent.joinpath("src", "gestalt_gateway", "settings.py").read_text()
    for name in GatewaySettings.model_fields:
        after = source.partition(f"    {name}: ")[2].splitlines()
        assert after[1].startswith('    """'), name
