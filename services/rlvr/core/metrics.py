"""Every Prometheus metric, declared in one place. Labels are bounded: never a trace, group or run id."""

from __future__ import annotations

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info, start_http_server

from rlvr import __version__

_FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

BUILD = Info("rlvr_build", "Version of this process.")
BUILD.info({"version": __version__})

# Verification
VERDICTS = Counter("rlvr_verdicts_total", "Verdicts given.", ["verifier", "outcome", "reason"])
VERIFY_SECONDS = Histogram("rlvr_verify_duration_seconds", "Time spent grading.", ["verifier"], buckets=_FAST)
VERIFY_QUEUE_SECONDS = Histogram(
    "rlvr_verify_queue_seconds", "Time spent waiting for a grader.", ["verifier"], buckets=_FAST
)
VERIFY_CACHE_HITS = Counter("rlvr_verify_cache_hits_total", "Verdicts answered from the cache.", ["verifier"])
POOL_WORKERS = Gauge("rlvr_pool_workers", "Worker processes that are alive.", ["verifier"])
POOL_RESTARTS = Counter("rlvr_pool_restarts_total", "Worker processes replaced, by cause.", ["verifier", "cause"])

# Programs of the code verifier
SANDBOX_SLOTS = Gauge("rlvr_sandbox_slots", "Programs that can run at the same time.", ["tier"])
SANDBOX_SLOTS_IN_USE = Gauge("rlvr_sandbox_slots_in_use", "Programs that are being run.")
SANDBOX_WAITING = Gauge("rlvr_sandbox_waiting", "Programs that wait for a slot.")
SANDBOX_REFUSED = Counter("rlvr_sandbox_refused_total", "Programs refused because too many wait.")
SANDBOX_RUNS = Counter("rlvr_sandbox_runs_total", "Runs of a program on one test, by how they ended.", ["tier", "end"])
SANDBOX_RUN_SECONDS = Histogram(
    "rlvr_sandbox_run_seconds", "One run, from its slot's sandbox to the last of its processes, by what was run.",
    ["tier", "kind"], buckets=_FAST,
)  # fmt: skip

# Sampling
TRACES_SAMPLED = Counter("rlvr_traces_sampled_total", "Traces sampled.", ["finish_reason"])
TOKENS_GENERATED = Counter("rlvr_tokens_generated_total", "Completion tokens drawn.")
PROMPT_TOKENS_COMPUTED = Counter("rlvr_prompt_tokens_computed_total", "Prompt tokens run through the model.")
PROMPT_TOKENS_SHARED = Counter("rlvr_prompt_tokens_shared_total", "Prompt tokens saved by sharing a group's prefill.")
SAMPLE_SECONDS = Counter("rlvr_sample_seconds_total", "Time in which anything was being sampled.")
SEQUENCES_RUNNING = Gauge("rlvr_sequences_running", "Completions being decoded.")
POLICY_VERSION = Gauge("rlvr_policy_version", "Version of the policy held.", ["room"])
POLICY_LOADS = Counter("rlvr_policy_loads_total", "Policy versions loaded.", ["result"])
POLICY_LOAD_SECONDS = Histogram("rlvr_policy_load_seconds", "Time to load a policy version.", buckets=_FAST)
WEIGHT_UPDATES = Counter("rlvr_weight_updates_total", "Versions given to a running vLLM server, by how.", ["way"])

# Runs
GROUPS = Counter("rlvr_groups_total", "Groups that left the loop.", ["result"])
GROUPS_IN_FLIGHT = Gauge("rlvr_groups_in_flight", "Groups admitted and not yet trained on or dropped.")
GROUP_SECONDS = Histogram("rlvr_group_seconds", "From admission to complete.", buckets=_FAST)
RUNS = Gauge("rlvr_runs", "Runs by state.", ["state"])

# Training
POLICY_LAG = Histogram("rlvr_policy_lag_steps", "Lag of each trace trained on.", buckets=(0, 1, 2, 4, 8, 16, 32))
TRAIN_STEP_SECONDS = Histogram("rlvr_train_step_seconds", "Time of an optimisation step.", buckets=_FAST)
TRAIN_WAIT_SECONDS = Histogram("rlvr_train_wait_seconds", "Time waited for groups before a step.", buckets=_FAST)
TRAINED_TOKENS = Counter("rlvr_trained_tokens_total", "Completion tokens trained on.")
TRAIN_TOKENS_COMPUTED = Counter(
    "rlvr_train_tokens_computed_total", "Tokens run through the model, counted once per step."
)
TRAIN_TOKENS_SHARED = Counter(
    "rlvr_train_tokens_shared_total", "Tokens not run through it, since traces share their computation."
)
PREFIXES_SHARED = Gauge(
    "rlvr_train_prefixes_shared", "1 when a group's prompt is computed once in the training step, else 0."
)
FLOPS = Counter("rlvr_flops_total", "Estimated floating-point operations of what was trained on.", ["stage"])
MEAN_REWARD = Gauge("rlvr_mean_reward", "Mean reward of the last step.")
LOSS = Gauge("rlvr_loss", "Loss of the last step.")
GRAD_NORM = Gauge("rlvr_grad_norm", "Norm of the gradient before clipping, last step.")
LOGPROB_DIFF = Gauge(
    "rlvr_sampler_trainer_logprob_diff",
    "Trainer's - sampler's log-probability, last step: mean and max of its size; k3, of KL(sampler || trainer).",
    ["statistic"],
)
TRUNCATED_FRACTION = Gauge(
    "rlvr_importance_truncated_fraction", "Share of tokens whose importance weight was cut to its cap, last step."
)
PUBLISH_SECONDS = Histogram("rlvr_publish_seconds", "Time to publish a policy version.", buckets=_FAST)
CHECKPOINT_SECONDS = Histogram("rlvr_checkpoint_seconds", "Time to write a checkpoint.", buckets=_FAST)

# Streams
STREAM_LAG = Gauge("rlvr_stream_lag", "Entries not yet delivered.", ["stream"])
STREAM_PENDING = Gauge("rlvr_stream_pending", "Entries delivered and not yet done.", ["stream"])
STREAM_OLDEST_PENDING = Gauge("rlvr_stream_oldest_pending_seconds", "Age of the oldest entry in hand.", ["stream"])
STREAM_ENTRIES = Counter("rlvr_stream_entries_total", "Entries handled, by result.", ["stream", "result"])
STREAM_CLAIMED = Counter("rlvr_stream_claimed_total", "Entries taken over from workers that died.", ["stream"])
DEAD_LETTERS = Counter("rlvr_dead_letters_total", "Entries given up.", ["stream"])

# Calls
RPC_SECONDS = Histogram("rlvr_rpc_duration_seconds", "gRPC calls served.", ["method", "code"], buckets=_FAST)
HTTP_SECONDS = Histogram(
    "rlvr_http_request_duration_seconds", "HTTP requests served.", ["route", "code"], buckets=_FAST
)


def serve_metrics(listen: str) -> int | None:
    """Start the endpoint; returns its port, or None when `listen` is empty.

    Raises:
        OSError: the address is taken.
    """
    if not listen:
        return None
    host, _, port = listen.rpartition(":")
    server, _thread = start_http_server(int(port), addr=host or "0.0.0.0", registry=REGISTRY)
    bound: int = server.server_address[1]
    return bound
