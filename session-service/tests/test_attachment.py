"""What a viewer's URL asks for, and which of its frames are controls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.attachment import BEYOND_EVERY_END, Attachment, Control, control_of


@pytest.mark.parametrize("value", ["", "-1", "x", "1.5", "1e3", "%20" + "7", "+7", "0x10", "%D9%A3"])
@pytest.mark.parametrize("name", ["cursor", "tail"])
def test_what_is_no_offset_is_absent(name: str, value: str) -> None:
    assert Attachment.parse(f"{name}={value}") == Attachment()


@pytest.mark.parametrize("value", ["", "0", "no", "2"])
def test_what_is_no_yes_is_no(value: str) -> None:
    assert Attachment.parse(f"control={value}&readonly={value}") == Attachment()


def test_the_first_of_a_repeated_name_counts() -> None:
    assert Attachment.parse("cursor=5&cursor=6&readonly=1&readonly=0") == Attachment(cursor=5, readonly=True)


def test_everything_can_be_asked_for() -> None:
    wanted = Attachment.parse("cursor=007&tail=0&control=1&readonly=true&other=x")
    assert wanted == Attachment(cursor=7, tail=0, control=True, readonly=True)


def test_an_offset_of_thousands_of_digits_is_beyond_the_end() -> None:
    assert Attachment.parse("cursor=" + "9" * 5_000).cursor == BEYOND_EVERY_END
    assert Attachment.parse("cursor=" + "0" * 5_000 + "3").cursor == 3


@pytest.mark.parametrize(
    "text",
    [
        b"ls\r",
        b"",
        b"{",
        b"}",
        b"{}",
        b'{"cols":80}',
        b'{"type":"other"}',
        b'{"type":["resize"]}',
        b'{"type":{"resize":1}}',
        b'{"type":null}',
        b'["resize"]',
        b'"resize"',
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'echo {"type":"resize"}',
        b'{"type":"resize"} # and more',
    ],
)
def test_other_text_is_typed(text: bytes) -> None:
    assert control_of(text) is None


def test_an_acknowledgement_names_an_offset() -> None:
    assert control_of(b'{"type":"ack","cursor":12}') == Control(ack=12)


def test_a_snapshot_implies_control() -> None:
    assert Attachment.parse("snapshot=1") == Attachment(snapshot=True, control=True)


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"resize"}',
        b'{"type":"resize","cols":80}',
        b'{"type":"resize","cols":0,"rows":24}',
        b'{"type":"resize","cols":80,"rows":65536}',
        b'{"type":"resize","cols":80.5,"rows":24}',
        b'{"type":"resize","cols":true,"rows":true}',
        b'{"type":"resize","cols":"80","rows":"24"}',
        b'{"type":"resize","cols":[80],"rows":24}',
        b'{"type":"resize","cols":' + b"9" * 5_000 + b',"rows":24}',
        b'{"type":"resize","cols":80,"rows":24,"extra":"\xff"}',
        b'{"type":"ack","cursor":-1}',
        b'{"type":"ack","cursor":true}',
        b'{"type":"ack","cursor":1.5}',
        b'{"type":"resize","deep":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_a_known_control_with_bad_values_is_ignored(text: bytes) -> None:
    assert control_of(text) == Control()


@pytest.mark.parametrize(
    "text", [b'{"type":"resize","cols":80,"rows":24}', b' {"rows":24,"extra":[1],"cols":80,"type":"resize"}\n']
)
def test_a_resize_has_its_size(text: bytes) -> None:
    assert control_of(text) == Control((80, 24))


@pytest.mark.timeout(5)
def test_a_long_frame_of_half_controls_costs_no_time() -> None:
    assert control_of(b'{"type":"resize",' * 60_000) is None
    assert control_of(b'{"type":"resize",' * 60_000 + b"}") == Control()
    assert control_of(b"{" + b'"type" ' * 100_000 + b"}") is None


@given(st.binary(max_size=100) | st.text(max_size=50).map(str.encode))
def test_any_frame_is_typed_or_a_control(text: bytes) -> None:
    assert control_of(text) is None or b"type" in text
