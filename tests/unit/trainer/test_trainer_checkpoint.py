"""A run that was killed goes on to the same weights, and never from half a checkpoint."""

import json
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rlvr.trainer import checkpoint
from rlvr.trainer.checkpoint import Progress
from rlvr.trainer.step import Learner, Recipe
from rlvr.trainer.traces import Group

Policy = Callable[[], LlamaForCausalLM]
Groups = Callable[[int], list[Group]]
RECIPE = Recipe(learning_rate=1e-2, warmup_updates=4, num_inner_epochs=2, weight_decay=0.01, max_completion_length=12)


def learner(model: LlamaForCausalLM) -> Learner:
    torch.set_num_threads(1)
    return Learner(model, RECIPE, pad_token_id=0)


def same_weights(a: LlamaForCausalLM, b: LlamaForCausalLM) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_a_resumed_run_has_the_weights_of_one_that_never_stopped(
    tmp_path: Path, make_policy: Policy, make_groups: Groups
) -> None:
    straight = learner(make_policy())
    for step in range(6):
        straight.step(make_groups(step))

    first = learner(make_policy())
    for step in range(3):
        first.step(make_groups(step))
    checkpoint.save(tmp_path, first, Progress(3, {"loss": 0.25}))
    random.seed(99)
    torch.manual_seed(99)

    second = learner(make_policy())
    progress = checkpoint.load_newest(tmp_path, second)
    assert progress == Progress(3, {"loss": 0.25})
    assert second.num_updates == first.num_updates == 6
    for step in range(3, 6):
        second.step(make_groups(step))
    assert same_weights(second.model, straight.model)
    moments = zip(second.optimizer.state.values(), straight.optimizer.state.values(), strict=True)
    assert all(torch.equal(a["exp_avg_sq"], b["exp_avg_sq"]) for a, b in moments)


def test_random_number_generators_go_on_where_they_were(tmp_path: Path, make_policy: Policy) -> None:
    trained = learner(make_policy())
    random.seed(5)
    random.gauss(0, 1)
    torch.manual_seed(5)
    checkpoint.save(tmp_path, trained, Progress(1))
    expected = random.gauss(0, 1), random.random(), torch.rand(3)
    checkpoint.load_newest(tmp_path, trained)
    found = random.gauss(0, 1), random.random(), torch.rand(3)
    assert found[:2] == expected[:2]
    assert torch.equal(found[2], expected[2])


def test_only_the_newest_are_kept(tmp_path: Path, make_policy: Policy) -> None:
    trained = learner(make_policy())
    for step in (1, 2, 10):
        checkpoint.save(tmp_path, trained, Progress(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000010"]


def test_a_run_goes_back_at_worst_to_the_oldest_checkpoint_that_is_kept(tmp_path: Path, make_policy: Policy) -> None:
    trained = learner(make_policy())
    steps = []
    for step in (3, 6, 9):
        checkpoint.save(tmp_path, trained, Progress(step), keep=2)
        steps.append(checkpoint.fallback_step(tmp_path, keep=2))
    assert steps == [0, 3, 6]


def test_a_step_saved_again_replaces_the_first(tmp_path: Path, make_policy: Policy) -> None:
    trained = learner(make_policy())
    checkpoint.save(tmp_path, trained, Progress(1, {"loss": 1}))
    checkpoint.save(tmp_path, trained, Progress(1, {"loss": 2}))
    assert checkpoint.load_newest(tmp_path, trained) == Progress(1, {"loss": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "no manifest", "extra"])
def test_a_damaged_checkpoint_is_passed_over(
    tmp_path: Path, make_policy: Policy, make_groups: Groups, damage: str
) -> None:
    trained = learner(make_policy())
    checkpoint.save(tmp_path, trained, Progress(1))
    trained.step(make_groups(0))
    torn = checkpoint.save(tmp_path, trained, Progress(2))
    weights = torn / "model.safetensors"
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:-1])
    elif damage == "flip":
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    elif damage == "remove":
        (torn / "optimizer.pt").unlink()
    elif damage == "no manifest":
        (torn / "manifest.json").unlink()
    else:
        (torn / "more.bin").write_bytes(b"x")
    fresh = learner(make_policy())
    assert checkpoint.load_newest(tmp_path, fresh) == Progress(1)
    assert same_weights(fresh.model, make_policy())


def test_without_a_checkpoint_nothing_is_loaded(tmp_path: Path, make_policy: Policy) -> None:
    assert checkpoint.load_newest(tmp_path / "absent", learner(make_policy())) is None


def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path, make_policy: Policy) -> None:
    checkpoint.save(tmp_path, learner(make_policy()), Progress(1))
    config = make_policy().config
    config.hidden_size = 48
    with pytest.raises(checkpoint.CheckpointMismatch, match="does not fit"):
        checkpoint.load_newest(tmp_path, learner(LlamaForCausalLM(config)))


def test_a_process_killed_while_it_writes_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """The writer is killed (SIGKILL, by itself) just before the rename."""
    shape = {"vocab_size": 16, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 1}
    program = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        from transformers import LlamaConfig, LlamaForCausalLM
        from rlvr.trainer import checkpoint
        from rlvr.trainer.step import Learner, Recipe

        learner = Learner(LlamaForCausalLM(LlamaConfig(**{shape})), Recipe(), pad_token_id=0)
        root = Path(sys.argv[1])
        checkpoint.save(root, learner, checkpoint.Progress(1))
        checkpoint.commit_folder = lambda folder, target: os.kill(os.getpid(), signal.SIGKILL)
        checkpoint.save(root, learner, checkpoint.Progress(2))
    """)
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr.decode()
    assert len(list(tmp_path.iterdir())) == 2  # the checkpoint, and what the killed process left
    fresh = learner(LlamaForCausalLM(LlamaConfig(**shape)))
    assert checkpoint.load_newest(tmp_path, fresh) == Progress(1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_checkpoints_past_a_given_step_are_passed_over(tmp_path: Path, make_policy: Policy) -> None:
    trained = learner(make_policy())
    for step in (4, 5):
        checkpoint.save(tmp_path, trained, Progress(step))
    assert checkpoint.load_newest(tmp_path, trained, at_most=4) == Progress(4)
    assert checkpoint.load_newest(tmp_path, trained, at_most=3) is None


def test_the_state_is_readable_and_holds_no_pickled_code(tmp_path: Path, make_policy: Policy) -> None:
    folder = checkpoint.save(tmp_path, learner(make_policy()), Progress(4, {"loss": 0.5}))
    progress = json.loads((folder / "state.json").read_text())["progress"]
    assert progress == {"step": 4, "record": {"loss": 0.5}}
    assert set(torch.load(folder / "optimizer.pt", weights_only=True)) == {"optimizer", "torch_rng", "cuda_rng"}
