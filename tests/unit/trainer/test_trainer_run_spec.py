"""What a run's specification refuses because training could not mean it."""

from typing import Any

import pytest

from rlvr.core.errors import InvalidRequest
from rlvr.core.run_spec import RunSpec, parse


def spec(**training: Any) -> RunSpec:
    problems = {"kind": "jsonl", "path": "x"}
    return parse({"name": "r", "policy_path": "/p", "problems": problems, "training": training})


def test_a_kl_coefficient_that_would_do_nothing_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidRequest, match="kl_target = reference, or inner_epochs above 1"):
        spec(kl_coefficient=0.1)
    assert spec(kl_coefficient=0.1, kl_target="reference").training.kl_coefficient == 0.1
    assert spec(kl_coefficient=0.1, inner_epochs=2).training.kl_coefficient == 0.1
    assert spec().training.kl_coefficient == 0.0


def test_an_adapter_s_base_must_be_a_folder_that_the_sampler_sees() -> None:
    problems = {"kind": "jsonl", "path": "x"}
    with pytest.raises(InvalidRequest, match=r"training\.lora needs a policy_path that is a folder"):
        parse({"name": "r", "policy_path": "s3://b/p", "problems": problems, "training": {"lora": {}}})
    assert spec(lora={"rank": 4}).training.lora is not None
    assert spec().training.lora is None
