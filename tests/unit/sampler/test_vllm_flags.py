"""Settings become the command line of a vLLM server, and nothing else does."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from rlvr.sampler.engines.vllm.flags import Start, arguments, environment
from rlvr.sampler.engines.vllm.settings import LoraSettings, SpeculativeSettings, VllmSettings

GPU = Start("/policies/v3", 8123, "cuda", "auto")
CPU = Start("/policies/v3", 8123, "cpu", "auto")


def test_the_defaults_on_a_gpu() -> None:
    assert arguments(VllmSettings(), GPU) == [
        *("--model", "/policies/v3"),
        *("--served-model-name", "policy"),
        *("--host", "127.0.0.1"),
        *("--port", "8123"),
        *("--dtype", "bfloat16"),
        *("--generation-config", "vllm"),
        *("--logprobs-mode", "processed_logprobs"),
        *("--max-num-seqs", "256"),
        *("--tensor-parallel-size", "1"),
        *("--pipeline-parallel-size", "1"),
        *("--kv-cache-dtype", "auto"),
        *("--gpu-memory-utilization", "0.9"),
        *("--block-size", "32"),
        "--enable-scale-out",
        "--disable-uvicorn-access-log",
        "--enable-prefix-caching",
        "--enable-chunked-prefill",
    ]


def test_a_server_that_is_to_take_weights_from_a_trainer_is_told_so() -> None:
    line = arguments(VllmSettings(transfer="nccl"), GPU)
    assert json.loads(line[line.index("--weight-transfer-config") + 1]) == {"backend": "nccl"}


def test_every_part_of_the_toolkit_reaches_the_server() -> None:
    settings = VllmSettings(
        max_model_len=4096,
        max_num_seqs=512,
        max_num_batched_tokens=16384,
        chunked_prefill=False,
        prefix_caching=False,
        block_size=0,
        kv_cache_gb=1.5,
        kv_cache_dtype="fp8",
        tensor_parallel_size=4,
        pipeline_parallel_size=2,
        attention_backend="FLASHINFER",
        enforce_eager=True,
        speculative=SpeculativeSettings(method="draft_model", tokens=5, draft_model="/models/draft"),
        extra_args=("--swap-space", "0"),
    )
    assert arguments(settings, Start("/policies/v3", 8123, "cuda", "float16"))[8:] == [
        *("--dtype", "float16"),
        *("--generation-config", "vllm"),
        *("--logprobs-mode", "processed_logprobs"),
        *("--max-num-seqs", "512"),
        *("--tensor-parallel-size", "4"),
        *("--pipeline-parallel-size", "2"),
        *("--kv-cache-dtype", "fp8"),
        *("--kv-cache-memory-bytes", str(3 * 2**29)),
        *("--max-model-len", "4096"),
        *("--max-num-batched-tokens", "16384"),
        *("--attention-backend", "FLASHINFER"),
        "--speculative-config",
        '{"method": "draft_model", "num_speculative_tokens": 5, "model": "/models/draft"}',
        "--enable-scale-out",
        "--disable-uvicorn-access-log",
        "--no-enable-prefix-caching",
        "--no-enable-chunked-prefill",
        "--enforce-eager",
        *("--swap-space", "0"),
    ]


def test_prompts_are_not_split_on_a_cpu_where_a_seeded_request_would_be_the_servers_end() -> None:
    assert "--no-enable-chunked-prefill" in arguments(VllmSettings(), Start("/policies/v3", 8123, "cpu", "auto"))


def test_ngram_speculation_says_what_it_looks_for() -> None:
    settings = VllmSettings(speculative=SpeculativeSettings(method="ngram", tokens=3, ngram_min=2, ngram_max=5))
    made = arguments(settings, GPU)
    assert json.loads(made[made.index("--speculative-config") + 1]) == {
        "method": "ngram",
        "num_speculative_tokens": 3,
        "prompt_lookup_min": 2,
        "prompt_lookup_max": 5,
    }


def test_a_cpu_computes_in_float32_and_takes_a_gibibyte() -> None:
    made = arguments(VllmSettings(), CPU)
    assert made[made.index("--dtype") + 1] == "float32"
    assert made[made.index("--kv-cache-memory-bytes") + 1] == str(2**30)
    assert "--gpu-memory-utilization" not in made


@pytest.mark.parametrize(("rank", "flag"), [(4, "16"), (16, "16"), (17, "32"), (300, "320")])
def test_memory_is_set_aside_for_the_adapters_rank(rank: int, flag: str) -> None:
    made = arguments(VllmSettings(lora=LoraSettings(max_versions=3)), Start("/base", 1, "cuda", "auto", lora_rank=rank))
    assert made[made.index("--max-lora-rank") + 1] == flag
    assert made[made.index("--max-loras") + 1] == "3"
    assert "--enable-lora" in made


def test_a_tied_head_that_is_spelled_out_is_announced() -> None:
    made = arguments(VllmSettings(), Start("/policies/v3", 8123, "cpu", "auto", untied=True))
    assert json.loads(made[made.index("--hf-overrides") + 1]) == {"tie_word_embeddings": False}


def test_the_server_sees_neither_our_settings_nor_our_interpreter() -> None:
    ours = {"RLVR_REDIS__URL": "redis://:secret@host", "PYTHONPATH": "/ours", "VIRTUAL_ENV": "/ours", "HOME": "/root"}
    assert environment(ours, VllmSettings(), GPU, threads=2) == {
        "HOME": "/root",
        "PYTHONUNBUFFERED": "1",
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    assert environment({}, VllmSettings(), CPU, threads=2)["OMP_NUM_THREADS"] == "2"
    assert environment({}, VllmSettings(), Start("/base", 1, "cuda", "auto", 8), 1)["VLLM_ALLOW_RUNTIME_LORA_UPDATING"]


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_num_sequences"):
        VllmSettings.model_validate({"max_num_sequences": 3})
