"""The preset's problems, tokenizer and folder."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from rlvr.core.manifest import verify_manifest
from rlvr.trainer import warmstart
from rlvr.trainer.arithmetic import in_warm_start, random_question, worked_example
from rlvr.trainer.presets import PRESETS
from rlvr.trainer.tokenizer import build_tokenizer
from rlvr.trainer.warmstart import build_model, init_policy

QUESTION = "State the final answer to the following arithmetic problem: 4 - 1 - 7 ="


def test_a_worked_example_writes_out_every_result_and_boxes_the_last() -> None:
    example = worked_example(QUESTION)
    assert example.solution == "4 - 1 = 3, 3 - 7 = \\boxed{-4}"
    assert example.answer == "-4"


def test_a_slip_is_carried_on() -> None:
    example = worked_example(QUESTION, rng=random.Random(0), slip_rate=1.0)
    first, second = example.solution.split(", ")
    wrong = int(first.rpartition(" ")[2])
    assert abs(wrong - 3) in (1, 2)
    assert second.startswith(f"{wrong} - 7 = ")
    assert example.answer != "-4" or abs(int(example.answer) - (wrong - 7)) in (1, 2)


def test_what_is_no_sum_is_refused() -> None:
    with pytest.raises(ValueError, match="no sum"):
        worked_example("What is the capital of France?")


def test_questions_are_those_of_reasoning_gym() -> None:
    reasoning_gym = pytest.importorskip("reasoning_gym")
    data = reasoning_gym.create_dataset(
        "chain_sum", seed=3, size=50, min_terms=3, max_terms=3, min_digits=1, max_digits=1
    )
    for item in data:
        assert worked_example(item["question"]).answer == item["answer"]
    own = {random_question(random.Random(seed)) for seed in range(20_000)}
    assert {item["question"] for item in data} <= own


def test_warm_starts_leave_half_of_the_questions_alone() -> None:
    questions = {random_question(random.Random(seed)) for seed in range(20_000)}
    share = sum(map(in_warm_start, questions)) / len(questions)
    assert 0.45 < share < 0.55


def test_text_survives_the_tokenizer_and_digits_and_signs_are_tokens() -> None:
    tokenizer = build_tokenizer()
    for text in (QUESTION, "4 - 11 = -7, -7 - 20 = \\boxed{-27}", "\\boxed{12}"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer("= \\boxed{-12}")["input_ids"]) == 6


def test_a_chat_ends_where_the_policy_is_to_go_on() -> None:
    tokenizer = build_tokenizer()
    chat = [{"role": "user", "content": QUESTION}]
    prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert prompt == f"<|user|>{QUESTION}<|assistant|>"
    chat.append({"role": "assistant", "content": "4"})
    assert tokenizer.apply_chat_template(chat, tokenize=False) == prompt + "4<|end|>"


def test_the_tiny_preset_is_as_small_as_it_says() -> None:
    model = build_model(PRESETS["tiny"], build_tokenizer())
    assert 300_000 <= model.num_parameters() <= 3_000_000


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> str:
    """A preset that is made in no time and knows nothing."""
    preset = replace(PRESETS["tiny"], num_steps=20, batch_size=8, hidden_size=32, intermediate_size=32)
    monkeypatch.setitem(PRESETS, "hasty", preset)
    return "hasty"


def test_a_policy_folder_is_complete_and_loads(tmp_path: Path, hasty: str) -> None:
    seen: list[warmstart.Progress] = []
    made = init_policy(hasty, tmp_path / "policy", seed=1, progress=seen.append)
    assert [progress.step for progress in seen] == [10, 20]
    assert seen[1].loss < seen[0].loss
    assert verify_manifest(str(made.folder)).version == 0
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    model = AutoModelForCausalLM.from_pretrained(made.folder)
    tokenizer = AutoTokenizer.from_pretrained(made.folder)
    assert model.num_parameters() == made.num_parameters
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id == 1
    assert tokenizer.chat_template and tokenizer.decode(tokenizer(QUESTION)["input_ids"]) == QUESTION
    assert 0.0 <= made.accuracy <= 1.0


def test_equal_seeds_make_equal_policies(tmp_path: Path, hasty: str) -> None:
    digests = [
        verify_manifest(str(init_policy(hasty, tmp_path / name, seed=seed).folder)).files["model.safetensors"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_nothing_is_overwritten_and_presets_are_named(tmp_path: Path, hasty: str) -> None:
    with pytest.raises(FileExistsError, match="exists"):
        init_policy(hasty, tmp_path)
    with pytest.raises(ValueError, match="there are tiny"):
        init_policy("huge", tmp_path / "x")


def test_importing_the_room_and_its_plain_modules_brings_no_torch() -> None:
    program = (
        "import sys, rlvr.trainer, rlvr.trainer.__main__, rlvr.trainer.settings, rlvr.trainer.arithmetic, "
        "rlvr.trainer.presets, rlvr.trainer.service, rlvr.trainer.selection; "
        "print([m for m in ('torch', 'transformers', 'numpy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
