"""A room's gRPC server: truthful health, reflection, deadlines, size limits, one place where errors are mapped."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection

from rlvr.core import metrics
from rlvr.core.errors import Internal, RlvrError
from rlvr.core.settings import GrpcSettings
from rlvr.core.telemetry import get_logger

log = get_logger("grpc")

LIVENESS = "rlvr.liveness"
"""Health service name that serves as long as the process does; a draining room is alive but not ready."""


class Health:
    """What this room tells others about itself: ready exactly when every part says so.

    A part is anything that can be missing (Redis, a model, a worker pool); it is named when it is added and
    counts as not ready until it says otherwise.
    """

    def __init__(self) -> None:
        self.servicer = HealthServicer()
        self.parts: dict[str, str] = {}
        """Part -> why it is not ready; empty when it is."""
        self._services: list[str] = []
        self._draining = False

    @property
    def ready(self) -> bool:
        return not self._draining and not any(self.parts.values())

    async def announce(self, services: list[str]) -> None:
        """Name the gRPC services whose health this is."""
        self._services = services
        await self.servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self._publish()

    async def set_part(self, part: str, problem: str) -> None:
        """A part is ready (empty `problem`) or not (why)."""
        before = self.parts.get(part)
        self.parts[part] = problem
        if before != problem:
            (log.warning if problem else log.info)(
                "part is not ready" if problem else "part is ready", part_name=part, why=problem
            )
            await self._publish()

    async def drain(self) -> None:
        """Not ready any more, so that callers go elsewhere. Liveness stays."""
        self._draining = True
        await self._publish()

    async def _publish(self) -> None:
        status = health_pb2.HealthCheckResponse
        state = status.SERVING if self.ready else status.NOT_SERVING
        for service in ("", *self._services):
            await self.servicer.set(service, state)


class _Boundary(grpc.aio.ServerInterceptor):
    """Maps RlvrError to a status, anything else to INTERNAL with the traceback in the log; times every call."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith("/rlvr."):
            return handler
        if handler.response_streaming:
            wrapped = _stream_boundary(method, handler.unary_stream or handler.stream_stream)
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_stream_rpc_method_handler
            )
        else:
            wrapped = _unary_boundary(method, handler.unary_unary or handler.stream_unary)
            make = (
                grpc.stream_unary_rpc_method_handler
                if handler.request_streaming
                else grpc.unary_unary_rpc_method_handler
            )
        return make(wrapped, handler.request_deserializer, handler.response_serializer)


def _unary_boundary(method: str, behaviour: Any) -> Any:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        begin = time.perf_counter()
        code = "OK"
        try:
            return await behaviour(request, context)
        except Exception as failure:  # noqa: BLE001 - the boundary
            code = await _abort(method, failure, context)
        finally:
            metrics.RPC_SECONDS.labels(method, code).observe(time.perf_counter() - begin)

    return call


def _stream_boundary(method: str, behaviour: Any) -> Any:
    async def call(request: Any, context: grpc.aio.ServicerContext) -> Any:
        begin = time.perf_counter()
        code = "OK"
        try:
            async for response in behaviour(request, context):
                yield response
        except Exception as failure:  # noqa: BLE001 - the boundary
            code = await _abort(method, failure, context)
        finally:
            metrics.RPC_SECONDS.labels(method, code).observe(time.perf_counter() - begin)

    return call


async def _abort(method: str, failure: Exception, context: grpc.aio.ServicerContext) -> str:
    if isinstance(failure, grpc.aio.AbortError):
        raise failure
    if not isinstance(failure, RlvrError):
        log.error("call failed", method=method, exc_info=failure)
        failure = Internal(f"{method} failed: {type(failure).__name__}; the log of this room has the details")
    await context.abort_with_status(failure.rpc_status())  # type: ignore[attr-defined]
    return failure.status.name


def remaining(context: grpc.aio.ServicerContext, default_s: float) -> float:
    """Seconds until the caller gives up; `default_s` when it set no deadline."""
    left = context.time_remaining()
    return default_s if left is None else left


class RpcServer:
    """A gRPC server with the room's services on it."""

    def __init__(self, settings: GrpcSettings, health: Health) -> None:
        limit = settings.max_message_mb * 1024 * 1024
        self.health = health
        self._settings = settings
        self._files: list[FileDescriptor] = []
        self.server = grpc.aio.server(
            interceptors=[_Boundary()],
            options=[
                ("grpc.max_receive_message_length", limit),
                ("grpc.max_send_message_length", limit),
                ("grpc.so_reuseport", 0),
                # New pods are found when a connection ends, so none lasts for ever.
                ("grpc.max_connection_age_ms", 120_000),
                ("grpc.max_connection_age_grace_ms", 600_000),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        health_pb2_grpc.add_HealthServicer_to_server(health.servicer, self.server)

    def add(self, servicer: Any, register: Callable[[Any, grpc.aio.Server], None], file: FileDescriptor) -> None:
        """Put a service on the server: its servicer, the generated `add_..._to_server`, its file's DESCRIPTOR."""
        register(servicer, self.server)
        self._files.append(file)

    async def start(self) -> int:
        """Listen; returns the port.

        Raises:
            OSError: the address is taken.
        """
        names = [service.full_name for file in self._files for service in file.services_by_name.values()]
        if self._settings.reflection:
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self.server)
        try:
            port = self.server.add_insecure_port(self._settings.listen)
        except RuntimeError as failure:
            raise OSError(f"cannot listen on {self._settings.listen}: {failure}") from None
        await self.server.start()
        await self.health.announce(names)
        return port

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls and let running ones end within the grace."""
        await self.server.stop(grace_s)
