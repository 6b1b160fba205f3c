"""Shapes of items."""

from __future__ import annotations

from typing import Any

import pytest

from rlvr.gateway.items import Malformed, Oversized, parse_item
from rlvr.gateway.strict_json import NotJson
from rlvr.v1 import verifier_pb2

GOOD: dict[str, Any] = {"verifier": "math", "completion": "4", "spec": {"answer": "4"}}


def parse(document: Any) -> verifier_pb2.VerifyItem | Malformed | Oversized:
    return parse_item(document, max_completion_bytes=100, max_spec_bytes=100)


def test_a_good_item_keeps_what_was_sent() -> None:
    item = parse({**GOOD, "completion": "∑ 4", "trace_id": "t", "policy_version": 0, "spec": {"n": 10**30, "é": 0.1}})
    assert isinstance(item, verifier_pb2.VerifyItem)
    assert (item.trace_id, item.completion, item.policy_version) == ("t", "∑ 4", 0)
    assert item.spec_json == '{"n":1000000000000000000000000000000,"é":0.1}'


def test_a_trace_without_an_id_gets_one_of_its_own() -> None:
    first, second = parse(GOOD), parse({**GOOD, "trace_id": None})
    assert first.trace_id and second.trace_id and first.trace_id != second.trace_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"verifier": None}, "verifier"),
        ({"verifier": ""}, "verifier"),
        ({"verifier": "x" * 257}, "verifier"),
        ({"verifier": ["math"]}, "verifier"),
        ({"completion": 4}, "completion"),
        ({"completion": None}, "completion"),
        ({"completion": "half \ud83d"}, "completion"),
        ({"spec": "4"}, "spec"),
        ({"spec": []}, "spec"),
        ({"spec": {"a": "\udc00"}}, "spec"),
        ({"spec": {"a": "x" * 101}}, "spec"),
        ({"spec": {"a": 1e999}}, "spec"),
        ({"trace_id": 7}, "trace_id"),
        ({"trace_id": "\ud800"}, "trace_id"),
        ({"policy_version": True}, "policy_version"),
        ({"policy_version": 1.5}, "policy_version"),
        ({"policy_version": 1 << 63}, "policy_version"),
        ({"complete": "4"}, "complete"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(change: dict[str, Any], field: str) -> None:
    refused = parse({**GOOD, **change})
    assert isinstance(refused, Malformed)
    assert [violation.field for violation in refused.violations] == [field]
    assert refused.trace_id
    refused.detail.encode()


@pytest.mark.parametrize("field", ["verifier", "completion", "spec"])
def test_a_missing_field_is_named(field: str) -> None:
    refused = parse({key: value for key, value in GOOD.items() if key != field})
    assert isinstance(refused, Malformed)
    assert refused.detail.startswith(f"{field}: is missing")


@pytest.mark.parametrize("document", [None, 3, "x", [], NotJson("it is not UTF-8")])
def test_an_item_that_is_no_object_is_malformed(document: Any) -> None:
    assert isinstance(parse(document), Malformed)


def test_size_is_counted_in_bytes() -> None:
    assert isinstance(parse({**GOOD, "completion": "é" * 50}), verifier_pb2.VerifyItem)
    refused = parse({**GOOD, "completion": "é" * 51})
    assert isinstance(refused, Oversized)
    assert "102 bytes" in refused.detail
