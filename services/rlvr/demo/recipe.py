"""The demo's training run, as the file that `rlvr train` takes."""

from __future__ import annotations

import json
from pathlib import Path

from rlvr.demo.problems import training_source

MAX_TOKENS = 24
"""A sum of three terms written out takes at most 19."""

_RUN = """\
# What `rlvr demo` trains; start it again with: rlvr train {file}
name = "demo"
policy_path = {policy}
group_size = 8

[problems]
kind = "reasoning_gym"
name = {name}
config = {config}
seed = {problem_seed}
size = {size}
verifier = "math"

[sampling]
temperature = 1.0
max_tokens = {max_tokens}
seed = {seed}

[training]
steps = 140
groups_per_step = 32
max_staleness = 1
learning_rate = 5e-4
warmup_steps = 10
loss = "dapo"
seed = {seed}
checkpoint_every = 5
"""


def write_run_file(path: Path, *, seed: int, policy: Path) -> None:
    """Write RUN.toml for a policy folder."""
    source = training_source(seed)
    config = ", ".join(f"{key} = {value}" for key, value in source.config.items())
    path.write_text(
        _RUN.format(
            file=path,
            # A JSON string is a TOML string too.
            policy=json.dumps(str(policy)),
            name=json.dumps(source.name),
            config=f"{{ {config} }}",
            problem_seed=source.seed,
            size=source.size,
            max_tokens=MAX_TOKENS,
            seed=seed,
        )
    )
