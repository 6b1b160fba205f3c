"""The demo's example traces get, from a running platform, the verdicts that the demo promises."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from launched import RunningPlatform
from rlvr.cli.api import Gateway
from rlvr.demo import examples


def test_every_example_gets_its_verdict(platform: RunningPlatform) -> None:
    with Gateway(platform.url) as gateway:
        assert examples.show(gateway, Console(file=io.StringIO(), width=200)) == []


def test_every_verifier_that_is_served_has_a_right_a_wrong_an_unparseable_and_a_hostile_example(
    platform: RunningPlatform,
) -> None:
    with Gateway(platform.url) as gateway:
        served = {verifier["name"] for verifier in gateway.list_verifiers()}
    cases = Counter((e["verifier"], e["case"].split(":")[0].split(",")[0]) for e in examples.load())
    for verifier in served:
        for case in ("right", "wrong", "unparseable", "hostile"):
            assert cases[verifier, case] > 0, (verifier, case)
