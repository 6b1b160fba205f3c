"""What a vLLM server says of itself on /metrics, reduced to what the engine needs. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(r"^vllm:(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """Sums over the server's engines. Counters begin at 0 when the server starts."""

    running: int = 0
    """Completions in the batch."""
    waiting: int = 0
    """Completions in the server's own queue."""
    prompt_tokens_computed: int = 0
    prompt_tokens_cached: int = 0
    """Prompt tokens whose keys and values were found in the prefix cache."""
    preemptions: int = 0
    """Running completions that were evicted because the KV cache was full."""
    kv_tokens: int = 0
    """Tokens that the KV cache holds; 0 when the server does not say."""


def parse_metrics(text: str) -> ServerMetrics:
    """Read the Prometheus exposition format. What is not there counts as 0."""
    totals: dict[str, float] = {}
    kv_tokens = 0
    for match in _LINE.finditer(text):
        labels = dict(_LABEL.findall(match["labels"] or ""))
        if match["name"] == "cache_config_info":
            size = labels.get("kv_cache_size_tokens", "")
            kv_tokens += int(size) if size.isdecimal() else 0
            continue
        name = f"{match['name']}:{labels['source']}" if "source" in labels else match["name"]
        totals[name] = totals.get(name, 0.0) + float(match["value"])
    return ServerMetrics(
        running=int(totals.get("num_requests_running", 0)),
        waiting=int(totals.get("num_requests_waiting", 0)),
        prompt_tokens_computed=int(totals.get("prompt_tokens_by_source_total:local_compute", 0)),
        prompt_tokens_cached=int(totals.get("prompt_tokens_by_source_total:local_cache_hit", 0)),
        preemptions=int(totals.get("num_preemptions_total", 0)),
        kv_tokens=kv_tokens,
    )
