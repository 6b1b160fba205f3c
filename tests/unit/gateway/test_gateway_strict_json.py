"""Strict decoding, and cutting a batch into items when it is not JSON as a whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlvr.core.errors import InvalidRequest
from rlvr.gateway.strict_json import NotJson, decode, decode_items, split_items

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)


def test_integers_of_any_size_stay_exact() -> None:
    assert decode(b'{"answer": 123456789012345678901234567890}') == {"answer": 123456789012345678901234567890}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b"[-Infinity]", "-Infinity is not a JSON number"),
        (b'{"a": 1, "b": {"x": 1, "x": 2}}', "the key 'x' appears twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"1" * 10_000, "limit"),
        (b"", "Expecting value"),
        (b'{"a": 1}}', "Extra data"),
    ],
)
def test_what_readers_disagree_on_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(NotJson, match=says):
        decode(text)


@given(st.lists(JSON))
def test_a_batch_is_cut_where_its_items_end(items: list[object]) -> None:
    texts = split_items(json.dumps({"items": items}).encode())
    assert texts is not None
    assert [json.loads(text) for text in texts] == items


def test_an_item_that_is_not_json_costs_only_itself() -> None:
    nested = b'{"spec":' * 2_000 + b"1" + b"}" * 2_000
    body = b'{"items": [{"a": 1}, {"b": NaN}, ' + nested + b', {"c": "\xff"}, {"d": 1, "d": 2}, {"e": "}]\\""}]}'
    first, *bad, last = decode_items(body)
    assert first == {"a": 1}
    assert all(isinstance(item, NotJson) for item in bad) and len(bad) == 4
    assert last == {"e": '}]"'}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"items": [', b'{"items": [1', b'{"items": ["x]}', b'{"items": [{]}]}', b'{"items": [1]} x'],
)
def test_a_body_whose_items_cannot_be_told_apart_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson):
        decode_items(body)


def test_cutting_takes_time_in_proportion_to_the_body() -> None:
    # An open quote followed by escaped quotes is where a careless pattern starts over at each of them.
    assert split_items(b'{"items": ["' + b'\\"' * 2_000_000) is None


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"items": {}}', b'{"items": [], "more": 1}', b"3"])
def test_json_of_another_shape_is_refused_by_field(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as failure:
        decode_items(body)
    assert failure.value.violations[0].field in ("items", "more")
