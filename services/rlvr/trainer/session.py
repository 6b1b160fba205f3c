"""A run, from the moment this trainer holds its lease until it ends or the lease does.

One step, from version n to n + 1:

    choose   the journal's batch of step n if there is one, else the P oldest groups that are not stale; the
             choice is journalled before anything is trained on
    train    in a thread, so that the lease and the health checks go on
    keep     a checkpoint, when it is due
    publish  v(n + 1), then CompleteStep: the register moves and the groups' places are free
    forget   the groups and the journal of what the oldest checkpoint covers

Killed at any instant, a trainer loads the newest sound checkpoint and takes the journalled batches again, in the same
order: no group is in the weights twice, none is lost, and on a CPU the weights are the same bit for bit.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from google.protobuf import json_format
from redis.asyncio import Redis
from transformers import PreTrainedTokenizerBase

from rlvr.core import metrics
from rlvr.core.grading_cost import verify_flops
from rlvr.core.policy import lag
from rlvr.core.rpc_client import rlvr_errors
from rlvr.core.run_spec import from_proto
from rlvr.core.telemetry import get_logger
from rlvr.trainer import checkpoint
from rlvr.trainer.accounting import sampling_cost
from rlvr.trainer.batches import Batches, StepBatch
from rlvr.trainer.checkpoint import Progress
from rlvr.trainer.files import remove_leftovers
from rlvr.trainer.inbox import Inbox
from rlvr.trainer.lease import CALL_S, UNREACHABLE, Lease
from rlvr.trainer.loading import make_learner
from rlvr.trainer.publish import Published, VersionConflict, prune_versions, publish
from rlvr.trainer.settings import TrainerSettings
from rlvr.trainer.status import State, TrainerStatus
from rlvr.trainer.step import Learner, StepMetrics
from rlvr.trainer.transfer import WeightSender
from rlvr.trainer.wire import spans, step_record
from rlvr.v1 import common_pb2, coordinator_pb2, coordinator_pb2_grpc

log = get_logger("session")

_RETRY_S = 0.5


class Session:
    """Trains one run. Errors leave everything so that another session can go on."""

    def __init__(
        self,
        lease: Lease,
        coordinator: coordinator_pb2_grpc.CoordinatorServiceStub,
        redis: Redis,
        *,
        consumer: str,
        home: Path,
        settings: TrainerSettings,
        status: TrainerStatus,
        weights: WeightSender,
        stopping: asyncio.Event,
    ) -> None:
        self._lease = lease
        self._coordinator = coordinator
        self._settings = settings
        self._status = status
        self._weights = weights
        self._stopping = stopping
        self._run_id = lease.run.run_id
        self._spec = from_proto(lease.run.spec)
        self._policy = lease.run.policy.policy
        # Absolute: other processes open by this name what is published.
        home = home.absolute()
        self._cache = home / "cache" / "trainer"
        self._checkpoints = home / "runs" / self._run_id / "checkpoints"
        # By run and not by policy: a policy's name goes to another run, whose versions begin at 1 again.
        self._versions = home / "policies" / self._run_id
        self._inbox = Inbox(redis, self._run_id, consumer)
        self._batches = Batches(
            self._inbox,
            coordinator,
            status,
            run_id=self._run_id,
            trainer_id=lease.trainer_id,
            spec=self._spec,
        )
        self._registered = lease.run.step
        """Steps that the coordinator knows to be done."""
        self._trained = Progress(step=0)
        """Steps that are in the weights."""
        self._saved = 0
        """Steps that are in the newest checkpoint."""

    async def run(self) -> None:
        """Train until the run ends, the lease is lost, or the room stops.

        Raises:
            BatchLost, PolicyUnusable, CheckpointMismatch, NonFiniteGradient, Untrainable: the run cannot go on.
            OSError: nor can it, the disk is full or cannot be written.
            Unavailable, DeadlineExceeded, RedisError: try again later.
            Conflict, NotFound: the coordinator sees the run otherwise.
        """
        self._tell("loading")
        try:
            await self._train()
        finally:
            await asyncio.to_thread(self._weights.withdraw)

    async def _train(self) -> None:
        learner, tokenizer = await self._load()
        while self._trained.step < self._spec.training.steps and not self._halted():
            self._tell("waiting")
            begin = time.perf_counter()
            if self._trained.step < self._registered:
                batch: StepBatch | None = await self._batches.again(self._trained.step)
            else:
                batch = await self._batches.next(self._trained.step, self._halted)
            if batch is not None:
                await self._take_step(learner, tokenizer, batch, wait_seconds=time.perf_counter() - begin)
        if self._saved < self._trained.step and await self._is_still_ours():
            await self._save(learner)
            await self._forget()

    def _halted(self) -> bool:
        return self._stopping.is_set() or self._lease.lost.is_set()

    def _tell(self, state: State) -> None:
        self._status.state = state
        self._status.run_id = self._run_id
        self._status.step = self._trained.step
        self._status.total_steps = self._spec.training.steps
        self._status.groups_ready = len(self._inbox.waiting)
        self._status.groups_per_step = self._spec.training.groups_per_step
        metrics.POLICY_VERSION.labels("trainer").set(self._trained.step)

    async def _load(self) -> tuple[Learner, PreTrainedTokenizerBase]:
        """Bring weights, coordinator and groups to one point."""
        learner, tokenizer = await asyncio.to_thread(
            make_learner, self._spec, device=self._settings.device, cache=self._cache
        )
        learner.before_update = self._weights.withdraw
        metrics.PREFIXES_SHARED.set(not learner.unshared)
        if learner.unshared:
            log.warning("prompts are computed once per trace and not once per group", reason=learner.unshared)
        remove_leftovers(self._versions)
        # More than a step ahead, and the steps between could not be told to the coordinator.
        found = await asyncio.to_thread(
            checkpoint.load_newest, self._checkpoints, learner, at_most=self._registered + 1
        )
        if found is not None:
            self._saved = found.step
            self._trained = Progress(found.step)
            if found.step > self._registered:
                record = json_format.ParseDict(found.record, coordinator_pb2.StepRecord())
                await self._complete(learner, tokenizer, record)
        covered = self._covered()
        await self._inbox.take_over(covered)
        await self._inbox.forget(covered)
        log.info("ready to train", step=self._trained.step, registered=self._registered)
        return learner, tokenizer

    async def _take_step(
        self, learner: Learner, tokenizer: PreTrainedTokenizerBase, batch: StepBatch, *, wait_seconds: float
    ) -> None:
        step = self._trained.step
        self._tell("training")
        begin = time.perf_counter()
        figures = await asyncio.to_thread(learner.step, batch.traces)
        record = step_record(
            step,
            batch.groups,
            figures,
            sampling_cost(batch.traces, learner.flops),
            sample_seconds=batch.sample_seconds,
            train_seconds=time.perf_counter() - begin,
            wait_seconds=wait_seconds,
        )
        self._trained = Progress(
            step + 1,
            json_format.MessageToDict(record, preserving_proto_field_name=True),
        )
        self._inbox.mark_trained(batch.group_ids)
        self._tell("publishing")
        due = (step + 1) % self._spec.training.checkpoint_every == 0 or step + 1 == self._spec.training.steps
        if due:
            await self._save(learner)
        if step >= self._registered:
            await self._complete(learner, tokenizer, record)
            _count(batch, record, figures)
        if due:
            await self._forget()

    async def _complete(
        self, learner: Learner, tokenizer: PreTrainedTokenizerBase, record: coordinator_pb2.StepRecord
    ) -> None:
        """Publish the version that a step made and have it registered, however long the coordinator is away."""
        begin = time.perf_counter()
        published = await self._publish(learner, tokenizer, record.version)
        record.publish_seconds = time.perf_counter() - begin
        metrics.PUBLISH_SECONDS.observe(record.publish_seconds)
        if learner.adapter is None:
            self._weights.hold(published.manifest_sha256, learner.model)
        request = coordinator_pb2.CompleteStepRequest(
            run_id=self._run_id,
            trainer_id=self._lease.trainer_id,
            record=record,
            policy=common_pb2.PolicyVersion(
                policy=self._policy,
                version=published.version,
                uri=published.uri,
                manifest_sha256=published.manifest_sha256,
            ),
        )
        while True:
            try:
                with rlvr_errors():
                    await self._coordinator.CompleteStep(request, timeout=CALL_S)
                break
            except UNREACHABLE as failure:
                if self._stopping.is_set():
                    raise
                log.warning("the step cannot be completed now", step=record.step, error=failure.detail)
                await asyncio.sleep(_RETRY_S)
        self._registered = record.version
        oldest = record.version - self._spec.training.max_staleness - 1
        await asyncio.to_thread(prune_versions, str(self._versions), below=oldest)

    async def _publish(self, learner: Learner, tokenizer: PreTrainedTokenizerBase, version: int) -> Published:
        root = str(self._versions)
        try:
            return await asyncio.to_thread(publish, learner.model, tokenizer, root, version, adapter=learner.adapter)
        except VersionConflict:
            # Left by a trainer that was killed before it was registered, on a machine that does not repeat
            # itself bit for bit; or, if the lease is lost, another trainer's.
            if not await self._lease.renew() or self._lease.run.step >= version:
                raise
            return await asyncio.to_thread(
                publish, learner.model, tokenizer, root, version, adapter=learner.adapter, replace=True
            )

    async def _is_still_ours(self) -> bool:
        """Whether nobody else can have gone on with the run: a stopped run's lease stays with its trainer."""
        with rlvr_errors():
            response = await self._coordinator.GetRun(
                coordinator_pb2.GetRunRequest(run_id=self._run_id), timeout=CALL_S
            )
        return response.run.trainer_id == self._lease.trainer_id

    async def _save(self, learner: Learner) -> None:
        with metrics.CHECKPOINT_SECONDS.time():
            await asyncio.to_thread(
                checkpoint.save,
                self._checkpoints,
                learner,
                self._trained,
                keep=self._settings.keep_checkpoints,
            )
        self._saved = self._trained.step

    def _covered(self) -> int:
        """Steps that no trainer will take again, were all checkpoints but the oldest damaged."""
        if self._registered == self._spec.training.steps:
            return self._registered
        oldest = checkpoint.fallback_step(self._checkpoints, keep=self._settings.keep_checkpoints)
        return min(oldest, self._trained.step)

    async def _forget(self) -> None:
        await self._inbox.forget(self._covered())


def _count(batch: StepBatch, record: coordinator_pb2.StepRecord, figures: StepMetrics) -> None:
    for group in batch.groups:
        for span in spans(group):
            metrics.POLICY_LAG.observe(lag(record.step, span))
    metrics.TRAIN_STEP_SECONDS.observe(record.train_seconds)
    metrics.TRAIN_WAIT_SECONDS.observe(record.wait_seconds)
    metrics.TRAINED_TOKENS.inc(figures.num_tokens)
    metrics.MEAN_REWARD.set(record.mean_reward)
    metrics.LOSS.set(figures.loss)
    metrics.GRAD_NORM.set(figures.grad_norm)
    metrics.LOGPROB_DIFF.labels("mean").set(figures.mean_logprob_gap)
    metrics.LOGPROB_DIFF.labels("max").set(figures.max_logprob_gap)
    metrics.LOGPROB_DIFF.labels("k3").set(figures.sampler_kl)
    metrics.TRUNCATED_FRACTION.set(figures.truncated_fraction)
    metrics.TRAIN_TOKENS_COMPUTED.inc(figures.tokens_computed)
    metrics.TRAIN_TOKENS_SHARED.inc(figures.tokens_shared)
    metrics.FLOPS.labels("sample").inc(record.sample_flops)
    metrics.FLOPS.labels("verify").inc(verify_flops(record.verify_seconds))
    metrics.FLOPS.labels("train").inc(record.train_flops)
