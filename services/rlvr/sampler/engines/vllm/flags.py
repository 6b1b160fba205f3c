"""Settings -> the vLLM server's command line and environment. Pure.

Written for vLLM 0.32; `tests/unit/sampler/test_vllm_flags.py` holds what comes out, and the integration tests hold
that the server takes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from rlvr.sampler.engines.vllm.settings import SpeculativeSettings, VllmSettings

MODEL_NAME = "policy"
"""The name under which the server offers its own weights, whatever version they are."""

LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that the server can set memory aside for."""

_CPU_KV_CACHE_GB = 1.0


@dataclass(frozen=True, slots=True)
class Start:
    """What a server is started with, apart from the settings."""

    model: str
    """Folder of the weights that it begins with."""
    port: int
    device: str
    """`cpu` or `cuda`."""
    dtype: str
    """`auto`, `float32`, `bfloat16` or `float16`."""
    lora_rank: int = 0
    """Rank of the adapters that it will be given; 0 for none."""
    untied: bool = False
    """Its output head is given as a tensor of its own (see `tied`)."""


def arguments(settings: VllmSettings, start: Start) -> list[str]:
    """Arguments of `python -m vllm.entrypoints.openai.api_server`.

    Log-probabilities are those of the distribution sampled from (`processed_logprobs`), sampling defaults of the
    model's folder are not used (`--generation-config vllm`), and `--enable-scale-out` opens the route that takes and
    gives token ids.
    """
    flags = {
        "--model": start.model,
        "--served-model-name": MODEL_NAME,
        "--host": "127.0.0.1",
        "--port": str(start.port),
        "--dtype": _dtype(start),
        "--generation-config": "vllm",
        "--logprobs-mode": "processed_logprobs",
        "--max-num-seqs": str(settings.max_num_seqs),
        "--tensor-parallel-size": str(settings.tensor_parallel_size),
        "--pipeline-parallel-size": str(settings.pipeline_parallel_size),
        "--kv-cache-dtype": settings.kv_cache_dtype,
        **_memory(settings, start),
        **_optional(settings),
        **_speculative(settings.speculative),
    }
    switches = [
        "--enable-scale-out",
        "--disable-uvicorn-access-log",
        "--enable-prefix-caching" if settings.prefix_caching else "--no-enable-prefix-caching",
        "--enable-chunked-prefill" if _chunks_prefill(settings, start) else "--no-enable-chunked-prefill",
    ]
    if settings.enforce_eager:
        switches.append("--enforce-eager")
    if settings.transfer == "nccl":
        flags["--weight-transfer-config"] = '{"backend": "nccl"}'
    if start.untied:
        flags["--hf-overrides"] = '{"tie_word_embeddings": false}'
    if start.lora_rank:
        rank = max(start.lora_rank, settings.lora.max_rank)
        switches.append("--enable-lora")
        flags["--max-lora-rank"] = str(next(known for known in LORA_RANKS if known >= rank))
        flags["--max-loras"] = str(settings.lora.max_versions)
    return [*(part for flag in flags.items() for part in flag), *switches, *settings.extra_args]


def environment(environ: Mapping[str, str], settings: VllmSettings, start: Start, threads: int) -> dict[str, str]:
    """The server's environment: `environ` without our settings and without our interpreter's paths."""
    ours = ("RLVR_", "PYTHON")
    env = {key: value for key, value in environ.items() if not key.startswith(ours) and key != "VIRTUAL_ENV"}
    env |= {
        "PYTHONUNBUFFERED": "1",
        # Pause, reload, resume: routes without authentication, which is why it listens on localhost only.
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        # Weights come from a folder.
        "HF_HUB_OFFLINE": "1",
    }
    if start.lora_rank:
        env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
    if start.device == "cpu":
        env["OMP_NUM_THREADS"] = str(threads)
        if settings.tensor_parallel_size * settings.pipeline_parallel_size == 1:
            # The model in the engine's own process: a third less to start, and no hop at each step.
            env["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    return env


def _chunks_prefill(settings: VllmSettings, start: Start) -> bool:
    # On a CPU, vLLM 0.32 dies of a prompt that is computed in parts if its request has a seed, as all of ours have: it
    # turns the request's generator back by an offset, which torch's generators for the CPU do not have.
    return settings.chunked_prefill and start.device != "cpu"


def _dtype(start: Start) -> str:
    if start.dtype == "auto":
        return "float32" if start.device == "cpu" else "bfloat16"
    return start.dtype


def _memory(settings: VllmSettings, start: Start) -> dict[str, str]:
    gigabytes = settings.kv_cache_gb or (_CPU_KV_CACHE_GB if start.device == "cpu" else 0.0)
    if gigabytes:
        return {"--kv-cache-memory-bytes": str(round(gigabytes * 2**30))}
    return {"--gpu-memory-utilization": str(settings.gpu_memory_utilization)}


def _optional(settings: VllmSettings) -> dict[str, str]:
    """Flags that are left out where the server's own choice is wanted."""
    wanted = {
        "--max-model-len": settings.max_model_len,
        "--max-num-batched-tokens": settings.max_num_batched_tokens,
        "--block-size": settings.block_size,
        "--attention-backend": settings.attention_backend,
    }
    return {flag: str(value) for flag, value in wanted.items() if value}


def _speculative(settings: SpeculativeSettings) -> dict[str, str]:
    if settings.method == "off":
        return {}
    config: dict[str, str | int] = {"method": settings.method, "num_speculative_tokens": settings.tokens}
    if settings.method == "ngram":
        config |= {"prompt_lookup_min": settings.ngram_min, "prompt_lookup_max": settings.ngram_max}
    else:
        config["model"] = settings.draft_model
    return {"--speculative-config": json.dumps(config)}
