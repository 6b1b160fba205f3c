"""Makes a preset's policy from nothing: tokenizer, random weights, supervised warm-start, model folder."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rlvr.trainer.arithmetic import WorkedExample, in_warm_start, random_question, worked_example
from rlvr.trainer.files import commit_folder, staging_folder
from rlvr.trainer.presets import PRESETS, Preset
from rlvr.trainer.publish import write_policy
from rlvr.trainer.tokenizer import build_tokenizer

_IGNORED = -100
_BOXED = re.compile(r"\\boxed\{(-?\d+)\}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a warm-start is."""

    step: int
    num_steps: int
    loss: float
    """Mean cross-entropy of a solution's tokens in nats, last batch."""


@dataclass(frozen=True, slots=True)
class WarmStarted:
    """The policy that was made."""

    folder: Path
    num_parameters: int
    accuracy: float
    """Share of right answers on 512 questions outside the warm-start, one sample each at temperature 1."""


def init_policy(
    preset: str, out: Path, *, seed: int = 0, progress: Callable[[Progress], None] | None = None
) -> WarmStarted:
    """Make the model folder `out`, with a manifest as version 0. Equal seeds give equal weights on one machine.

    Raises:
        ValueError: no such preset.
        FileExistsError: `out` exists.
    """
    if preset not in PRESETS:
        raise ValueError(f"no preset {preset!r}: there are {', '.join(PRESETS)}")
    if out.exists():
        raise FileExistsError(f"{out} exists: name a folder that does not, or remove it")
    settings = PRESETS[preset]
    tokenizer = build_tokenizer()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(settings, tokenizer)
        _warm_start(model, tokenizer, settings, random.Random(seed), progress)
        accuracy = _accuracy(model, tokenizer, settings, random.Random(seed))
    with staging_folder(out.absolute().parent) as folder:
        write_policy(model, tokenizer, folder, 0)
        commit_folder(folder, out.absolute())
    return WarmStarted(out, model.num_parameters(), accuracy)


def build_model(preset: Preset, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A preset's model with random weights, drawn from torch's global generator."""
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=preset.hidden_size,
            intermediate_size=preset.intermediate_size,
            num_hidden_layers=preset.num_layers,
            num_attention_heads=preset.num_heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
    )
    # Sampling from the whole distribution: what the policy's log-probabilities are of.
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return model.eval()


def _warm_start(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    preset: Preset,
    rng: random.Random,
    progress: Callable[[Progress], None] | None,
) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=preset.learning_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
    )
    rise = max(1, preset.num_steps // 10)
    for step in range(preset.num_steps):
        for group in optimizer.param_groups:
            share = min((step + 1) / rise, (preset.num_steps - step) / (preset.num_steps - rise))
            group["lr"] = preset.learning_rate * share
        examples = [
            worked_example(question, rng=rng, slip_rate=preset.slip_rate)
            for question in _questions(rng, preset, preset.batch_size, warm_start=True)
        ]
        loss = _loss(model, *_tensors(tokenizer, examples))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if progress is not None and (step + 1) % 10 == 0:
            progress(Progress(step + 1, preset.num_steps, loss.item()))


def _questions(rng: random.Random, preset: Preset, count: int, *, warm_start: bool) -> list[str]:
    questions: list[str] = []
    while len(questions) < count:
        question = random_question(rng, num_terms=preset.num_terms)
        if in_warm_start(question) == warm_start:
            questions.append(question)
    return questions


def _prompts(tokenizer: PreTrainedTokenizerFast, questions: Sequence[str]) -> list[list[int]]:
    chats = [[{"role": "user", "content": question}] for question in questions]
    prompts: list[list[int]] = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return prompts


def _tensors(tokenizer: PreTrainedTokenizerFast, examples: Sequence[WorkedExample]) -> tuple[Tensor, Tensor]:
    """Token ids [B, L], padded on the right, and the targets [B, L], _IGNORED outside of the solutions."""
    prompts = _prompts(tokenizer, [example.question for example in examples])
    solutions = tokenizer([example.solution for example in examples], add_special_tokens=False)["input_ids"]
    width = max(len(p) + len(s) for p, s in zip(prompts, solutions, strict=True)) + 1
    input_ids = torch.full((len(examples), width), tokenizer.pad_token_id)
    targets = torch.full((len(examples), width), _IGNORED)
    for row, (prompt, solution) in enumerate(zip(prompts, solutions, strict=True)):
        completion = torch.tensor([*solution, tokenizer.eos_token_id])
        stop = len(prompt) + len(completion)
        input_ids[row, : len(prompt)] = torch.tensor(prompt)
        input_ids[row, len(prompt) : stop] = completion
        targets[row, len(prompt) : stop] = completion
    return input_ids, targets


def _loss(model: LlamaForCausalLM, input_ids: Tensor, targets: Tensor) -> Tensor:
    # Padding is on the right, where causal attention does not see it: no mask is needed.
    start = int((targets != _IGNORED).any(dim=0).nonzero()[0])
    num_predicted = input_ids.shape[1] - start
    logits = model(input_ids=input_ids, logits_to_keep=num_predicted + 1, use_cache=False).logits[:, :-1]
    return F.cross_entropy(logits.flatten(0, 1), targets[:, start:].flatten(), ignore_index=_IGNORED)


def _accuracy(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, preset: Preset, rng: random.Random) -> float:
    questions = _questions(rng, preset, 512, warm_start=False)
    prompts = torch.tensor(_prompts(tokenizer, questions))
    sampled = model.generate(prompts, attention_mask=torch.ones_like(prompts), max_new_tokens=12 * preset.num_terms)
    texts = tokenizer.batch_decode(sampled[:, prompts.shape[1] :], skip_special_tokens=True)
    right = [
        _BOXED.findall(text) == [worked_example(question).answer]
        for question, text in zip(questions, texts, strict=True)
    ]
    return sum(right) / len(right)
