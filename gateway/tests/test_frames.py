"""The frame walker against a naive reader, on random frames cut at random."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_gateway.frames import FrameWalker, close_frame


def frame(opcode: int, payload: bytes, *, masked: bool = False, wide: int = 0) -> bytes:
    """A frame; `wide` forces the longer length encodings, which a peer may use for short payloads."""
    size, mask = len(payload), bytes(4) if masked else b""
    flag = 0x80 if masked else 0
    if wide == 2 or size > 65535:
        return bytes((0x80 | opcode, flag | 127)) + size.to_bytes(8, "big") + mask + payload
    if wide == 1 or size > 125:
        return bytes((0x80 | opcode, flag | 126)) + size.to_bytes(2, "big") + mask + payload
    return bytes((0x80 | opcode, flag | size)) + mask + payload


frames = st.lists(
    st.builds(
        frame,
        st.sampled_from([0, 1, 2, 8, 9, 10]),
        st.one_of(st.binary(max_size=8), st.integers(0, 400).map(bytes), st.just(bytes(70_000))),
        masked=st.booleans(),
        wide=st.integers(0, 2),
    ),
    max_size=8,
)
cuts = st.lists(st.integers(1, 50), max_size=40)


def pieces(data: bytes, sizes: list[int]) -> list[bytes]:
    out = []
    for size in sizes:
        out.append(data[:size])
        data = data[size:]
    return [piece for piece in (*out, data) if piece]


@given(frames, cuts)
@settings(max_examples=300, deadline=None)
def test_after_every_cut_it_knows_whether_a_frame_is_whole(whole: list[bytes], sizes: list[int]) -> None:
    boundaries, position = {0}, 0
    for one in whole:
        position += len(one)
        boundaries.add(position)
    walker, seen = FrameWalker(), 0
    for piece in pieces(b"".join(whole), sizes):
        walker.feed(piece)
        seen += len(piece)
        assert walker.at_boundary == (seen in boundaries)
    assert walker.at_boundary
    assert walker.closed == any(one[0] & 0x0F == 8 for one in whole)


@given(frames, cuts, st.integers(0, 200))
@settings(max_examples=300, deadline=None)
def test_the_boundary_it_stops_at_is_the_end_of_the_frame_under_way(
    whole: list[bytes], sizes: list[int], at: int
) -> None:
    stream = b"".join(whole)
    at = min(at, len(stream))
    ends, position = [0], 0
    for one in whole:
        position += len(one)
        ends.append(position)
    expected = next(end for end in ends if end >= at)
    walker, seen = FrameWalker(), at
    for piece in pieces(stream[:at], sizes):
        walker.feed(piece)
    for piece in pieces(stream[at:], sizes) or [b""]:
        found = walker.feed_to_boundary(piece)
        if found is not None:
            assert seen + found == expected
            assert walker.at_boundary
            return
        seen += len(piece)
    raise AssertionError(f"no boundary found, expected one at {expected}")


@given(st.binary(max_size=300), cuts)
def test_random_bytes_never_break_it(data: bytes, sizes: list[int]) -> None:
    one, many = FrameWalker(), FrameWalker()
    one.feed(data)
    for piece in pieces(data, sizes):
        many.feed(piece)
    assert (one.at_boundary, one.closed) == (many.at_boundary, many.closed)


def test_a_close_frame_carries_code_and_reason_and_fits_a_control_frame() -> None:
    assert close_frame(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert close_frame(1013, "x", masked=True) == b"\x88\x83\0\0\0\0\x03\xf5x"
    assert len(close_frame(1000, "r" * 500)) == 127
