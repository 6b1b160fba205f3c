"""Settings of the sampler room: `RLVR_SAMPLER__POLICY=math-7b`, ..."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import Field

from rlvr.core.settings import Block, CoreSettings
from rlvr.sampler.engines.openai.settings import OpenAiSettings
from rlvr.sampler.engines.vllm.settings import VllmSettings


class SamplerSettings(Block):
    policy: str = ""
    """The policy to serve; empty follows the oldest running run, whichever that is."""
    engine: Literal["transformers", "vllm", "openai"] = "transformers"
    """What draws the samples: `transformers` runs in this process, on a CPU too; `vllm` is a vLLM server beside it;
    `openai` is any server with OpenAI's routes, and for evaluation only: a run that it is to sample for fails."""
    vllm: VllmSettings = VllmSettings()
    openai: OpenAiSettings = OpenAiSettings()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; `auto` is CUDA when there is one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision of the weights; `auto` is float32 on the CPU and bfloat16 elsewhere."""
    threads: int = Field(max(1, (os.cpu_count() or 1) // 2), ge=1, le=512)
    """Threads of one tensor operation on the CPU; the other rooms need some cores too."""
    max_rows: int = Field(256, ge=1, le=65_536)
    """transformers: completions decoded at once."""
    max_cells: int = Field(65_536, ge=1)
    """transformers: bound of the KV cache, completions decoded at once times the tokens of the longest."""
    prefill_tokens: int = Field(8192, ge=1)
    """transformers: prompt tokens, padding included, computed in one pass; running completions wait for it."""
    stream_capacity: int = Field(64, ge=1)
    """Groups taken from the prompt stream and not finished yet. Enough to fill the batch while others finish."""


class SamplerRoomSettings(CoreSettings):
    sampler: SamplerSettings = SamplerSettings()
