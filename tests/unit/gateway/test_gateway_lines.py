"""Cutting a stream of bytes into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlvr.gateway.ndjson import Lines
from rlvr.gateway.strict_json import NotJson


@given(st.lists(st.binary(max_size=12)), st.binary(max_size=4))
def test_lines_do_not_depend_on_how_the_bytes_arrive(pieces: list[bytes], tail: bytes) -> None:
    data = b"\n".join(pieces) + tail
    at_once, bit_by_bit = Lines(1_000), Lines(1_000)
    expected = at_once.feed(data) + at_once.end()
    found = [line for byte in data for line in bit_by_bit.feed(bytes([byte]))] + bit_by_bit.end()
    assert found == expected == [line.strip() for line in data.split(b"\n") if line.strip()]


def test_a_line_that_is_too_long_keeps_its_place_and_nothing_else() -> None:
    lines = Lines(10)
    found = [line for _ in range(1_000) for line in lines.feed(b"x" * 100)]
    found += lines.feed(b"\nshort\n") + lines.end()
    assert isinstance(found[0], NotJson)
    assert found[1:] == [b"short"]
