"""Settings of the vLLM engine: `RLVR_SAMPLER__VLLM__MAX_NUM_SEQS=512`, ... docs/sampling.md: how to see each work."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rlvr.core.settings import Block


class SpeculativeSettings(Block):
    """Draft some tokens cheaply, check them in one pass of the policy. What is drawn keeps the policy's exact
    distribution (rejection sampling), and the recorded log-probabilities are the policy's, never the draft's."""

    method: Literal["off", "ngram", "draft_model"] = "off"
    """`ngram` guesses that text of the prompt or of the completion is repeated (good for code and long reasoning,
    costs no memory); `draft_model` asks a small model with the same vocabulary, which is not trained along, so that
    it is accepted less often the further the policy moves."""
    tokens: int = Field(4, ge=1, le=32)
    """Tokens drafted at a time. Speculation pays while few completions run; a full batch has no compute to spare."""
    draft_model: str = ""
    """Folder or hub name of the draft model."""
    ngram_min: int = Field(2, ge=1)
    """Shortest repetition that `ngram` continues, tokens."""
    ngram_max: int = Field(4, ge=1)
    """Longest repetition that `ngram` looks for, tokens."""


class LoraSettings(Block):
    """For policies that are published as LoRA adapters (a folder with adapter_config.json)."""

    base: str = ""
    """Folder of the base model; empty takes `base_model_name_or_path` of the adapter."""
    max_rank: int = Field(16, ge=1, le=512)
    """Memory is set aside for adapters of this rank; raised to the first adapter's own."""
    max_versions: int = Field(2, ge=1, le=64)
    """Versions decoded in one batch: completions finish under the adapter that began them, while new ones use the
    newest."""


class VllmSettings(Block):
    url: str = ""
    """A server that somebody else runs, `http://127.0.0.1:8000` (a container of the same pod); empty starts one from
    the settings below. Its development routes have no authentication: it must listen on localhost only."""
    python: str = ""
    """Interpreter that has vLLM; empty is the one that runs this room."""
    start_timeout_s: float = Field(900.0, gt=0)
    """A server that does not answer this long after its start has failed. Large models are read slowly."""
    update_timeout_s: float = Field(600.0, gt=0)
    """For the server to read one version's weights."""
    unresponsive_s: float = Field(60.0, gt=0)
    """A server that has not answered for this long is taken for dead, and started again if it is ours."""
    give_up_s: float = Field(900.0, gt=0)
    """The engine has FAILED, and the room ends, when the server could not be brought back within this time."""
    stop_grace_s: float = Field(10.0, ge=0)
    """Between asking the server to end and killing it."""

    max_running_tokens: int = Field(0, ge=0)
    """Groups are sent to the server while the sum of group_size * (prompt + max_tokens) stays within this; others
    wait here, in order. 0 is what the KV cache holds, so that the server never has to evict a running completion.
    More than that pays when completions end long before max_tokens."""
    transfer: Literal["files", "nccl"] = "files"
    """How a newer version's weights come to the server: `files` reads what was published; `nccl` takes them straight
    from the trainer's GPU, and reads the files where that cannot be. The trainer is RLVR_PEERS__TRAINER."""
    kv_on_update: Literal["keep", "recompute"] = "keep"
    """What running completions do at a weight update: `keep` goes on with keys and values of the older weights
    (no work is lost; log-probabilities after the update are those of the new weights on the old cache), `recompute`
    runs each again from its first token under the new weights (exact, at the price of a prefill)."""

    max_model_len: int = Field(0, ge=0)
    """Longest prompt and completion together, tokens; 0 is what the model knows."""
    max_num_seqs: int = Field(256, ge=1)
    """Completions decoded in one batch (continuous batching: one that ends makes room for the next at once). The
    largest lever on throughput, until the KV cache or the compute is full."""
    max_num_batched_tokens: int = Field(0, ge=0)
    """Tokens computed in one step, prefill and decode together; 0 is the server's choice. Larger makes prefill
    faster, smaller makes running completions wait less for it."""
    chunked_prefill: bool = True
    """Split long prompts over steps, so that decoding goes on beside them. Never on a CPU, where vLLM 0.32 dies of a
    prompt in parts whose request has a seed."""
    prefix_caching: bool = True
    """Share the keys and values of equal prompt beginnings: a group's prompt is computed once, not group_size
    times."""
    block_size: int = Field(32, ge=0)
    """Tokens in a block of the KV cache. Only whole blocks are shared, so a prompt shorter than this is computed for
    each sample again; 0 is the server's choice (16 on most GPUs, 128 on a CPU)."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of each GPU's memory for weights, activations and the KV cache. Lower it where the trainer shares the
    GPU."""
    kv_cache_gb: float = Field(0.0, ge=0)
    """Size of the KV cache, GiB; 0 takes what `gpu_memory_utilization` leaves, or 1 GiB on a CPU."""
    kv_cache_dtype: Literal["auto", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    """Precision of keys and values. fp8 holds twice as many tokens, but then samples from another distribution than
    the trainer computes: watch rlvr_sampler_trainer_logprob_diff and keep truncated importance sampling on."""
    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs that share every layer: for models too large, or too slow, for one."""
    pipeline_parallel_size: int = Field(1, ge=1)
    """Groups of GPUs (or nodes) that hold consecutive layers: for models too large for one node."""
    attention_backend: str = ""
    """Attention kernels, FLASH_ATTN or FLASHINFER for example; empty is the server's choice for the GPU."""
    enforce_eager: bool = False
    """No compiled graphs: starts a minute sooner and decodes slower. For tests and short runs."""
    speculative: SpeculativeSettings = SpeculativeSettings()
    lora: LoraSettings = LoraSettings()
    extra_args: tuple[str, ...] = ()
    """More arguments for the server, as a JSON list, passed on as they are; they win over those made from the
    settings above."""
