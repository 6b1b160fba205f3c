"""What a vLLM 0.32 says on /metrics, as it was recorded."""

from __future__ import annotations

from rlvr.sampler.engines.vllm.metrics import ServerMetrics, parse_metrics

RECORDED = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="policy"} 3.0
vllm:num_requests_running{engine="1",model_name="policy"} 2.0
vllm:num_requests_waiting{engine="0",model_name="policy"} 1.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="policy",reason="capacity"} 1.0
vllm:num_preemptions_total{engine="0",model_name="policy"} 7.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="policy",source="local_compute"} 864.0
vllm:prompt_tokens_by_source_total{engine="0",model_name="policy",source="local_cache_hit"} 6048.0
vllm:prompt_tokens_by_source_created{engine="0",model_name="policy",source="local_compute"} 1.795370472707436e+09
vllm:prompt_tokens_by_source_total{engine="0",model_name="policy",source="external_kv_transfer"} 0.0
vllm:cache_config_info{block_size="32",engine="0",kv_cache_size_tokens="2097152",num_gpu_blocks="65536"} 1.0
http_requests_total{handler="/metrics",method="GET",status="2xx"} 12.0
"""


def test_the_figures_are_summed_over_engines() -> None:
    assert parse_metrics(RECORDED) == ServerMetrics(
        running=5,
        waiting=1,
        prompt_tokens_computed=864,
        prompt_tokens_cached=6048,
        preemptions=7,
        kv_tokens=2097152,
    )


def test_a_server_that_says_none_of_it_counts_as_nothing() -> None:
    assert parse_metrics("# nothing here\n") == ServerMetrics()
