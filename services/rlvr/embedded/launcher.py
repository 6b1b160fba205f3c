"""`rlvr up`: start Redis and every room, keep them running, and stop all of them.

lock home -> Redis -> rooms -> ready: platform.json, URLs -> a signal -> stop in order -> nothing is left
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from asyncio import FIRST_COMPLETED
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from redis.exceptions import RedisError

from rlvr.core.settings import ROOMS, CoreSettings, RedisSettings, load
from rlvr.core.streams import connect
from rlvr.embedded import platform_file
from rlvr.embedded.logs import Logs
from rlvr.embedded.plan import REDIS, STOP_ORDER, Child, clean_environment, cores, room_children
from rlvr.embedded.platform_file import Platform, RoomAddress
from rlvr.embedded.ports import first_free, free_ports
from rlvr.embedded.ready import gateway_is_ready, room_is_up
from rlvr.embedded.redis_server import own_redis
from rlvr.embedded.supervisor import Supervisor

_GRACE_S = 10.0
"""More than a room takes to drain, work and calls one after the other, so that only what hangs is killed."""


class CannotStart(Exception):
    """The platform cannot be started. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `rlvr up` was asked for."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8080
    """The gateway's; the next free one when it is taken."""
    quiet: bool = False
    """No combined log on the terminal."""


def up(options: Options, *, terminal: IO[str], announce: Callable[[Platform, Path], None]) -> None:
    """Run the platform until SIGINT, SIGTERM or SIGHUP; `announce` is called once, when it is ready.

    Raises:
        CannotStart: the home is in use, Redis does not answer, or no port is free.
        WillNotRun: a child died again and again before the platform was ready.
        NoRedis: there is no Redis on this machine.
        SettingsError: the environment is not a valid configuration.
    """
    home = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with _only_launcher(home):
        logs = Logs(home / "logs", terminal=None if options.quiet else terminal)
        try:
            asyncio.run(Launcher(options, home, logs, announce).run())
        finally:
            platform_file.path_in(home).unlink(missing_ok=True)
            logs.close()


class Launcher:
    """The children, and what to do with them."""

    def __init__(self, options: Options, home: Path, logs: Logs, announce: Callable[[Platform, Path], None]) -> None:
        self._options = options
        self._home = home
        self._logs = logs
        self._announce = announce
        self._supervisors: dict[str, Supervisor] = {}
        self._running: list[asyncio.Task[None]] = []
        self._gateway_url = ""
        self._redis_url = ""
        self._ready = False

    async def run(self) -> None:
        """Start everything, wait for a signal, stop everything."""
        stop = asyncio.Event()
        self._on_signals(stop)
        try:
            if await self._until(stop, self._start()):
                self._ready = True
                for supervisor in self._supervisors.values():
                    supervisor.established = True
                self._write_platform_file()
                self._announce(self._platform(), self._home)
                await self._until(stop, asyncio.Event().wait())
        finally:
            await self._stop()

    async def _start(self) -> None:
        """Redis, then all rooms at once, then wait until they can work."""
        environ = clean_environment(os.environ)
        settings = load(CoreSettings).redis
        if "RLVR_REDIS__URL" not in environ:
            own = own_redis(self._home)
            settings = settings.model_copy(update={"url": own.url})
            self._logs.say(f"redis is {own.program}")
            self._supervise(Child(REDIS, own.command, environ))
        self._redis_url = settings.url
        await self._redis_answers(settings)
        for child in self._rooms(environ):
            self._supervise(child)
        await asyncio.gather(*(room_is_up(s.child.grpc) for s in self._supervisors.values() if s.child.grpc))
        await gateway_is_ready(self._gateway_url)

    def _rooms(self, environ: Mapping[str, str]) -> list[Child]:
        host = self._options.host
        try:
            port = first_free(host, self._options.port)
            ports = free_ports(2 * len(ROOMS))
        except OSError as failure:
            raise CannotStart(str(failure)) from None
        if port != self._options.port:
            self._logs.say(f"port {self._options.port} is taken; the gateway gets {port}")
        self._gateway_url = f"http://{_reachable(host)}:{port}"
        return room_children(
            environ,
            home=self._home,
            redis_url=self._redis_url,
            gateway=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            ports=ports,
            cores=cores(),
            log_format="console" if self._logs.for_a_person else "json",
        )

    def _supervise(self, child: Child) -> None:
        supervisor = Supervisor(child, self._logs, self._write_platform_file)
        self._supervisors[child.name] = supervisor
        self._running.append(asyncio.create_task(supervisor.run()))

    async def _redis_answers(self, settings: RedisSettings) -> None:
        """Wait for Redis, which after a crash reads its append-only file first."""
        client = connect(settings)
        try:
            while True:
                try:
                    await client.ping()
                    return
                except (RedisError, OSError) as failure:
                    if REDIS not in self._supervisors:
                        raise CannotStart(f"RLVR_REDIS__URL={settings.url}: {failure}") from None
                    await asyncio.sleep(0.05)
        finally:
            await client.aclose()

    async def _until(self, stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> bool:
        """Do `work` until it is done (True) or `stop` is set (False).

        Raises:
            WillNotRun: a child turned out not to be able to run.
        """
        working = asyncio.create_task(work)
        stopped = asyncio.create_task(stop.wait())
        try:
            pending = {working, stopped}
            while True:
                await asyncio.wait({*pending, *self._running}, return_when=FIRST_COMPLETED, timeout=0.2)
                for child in self._running:
                    if child.done():
                        child.result()
                if stopped.done():
                    return False
                if working.done():
                    working.result()
                    return True
        finally:
            for task in (working, stopped):
                task.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    async def _stop(self) -> None:
        """End every child in order. Whatever happens here, none is left."""
        try:
            for stage in STOP_ORDER:
                leaving = [self._supervisors[name] for name in stage if name in self._supervisors]
                await asyncio.gather(*(supervisor.stop(_GRACE_S) for supervisor in leaving))
        finally:
            self._kill_all()
            await asyncio.gather(*self._running, return_exceptions=True)
        self._logs.say("everything has stopped")

    def _kill_all(self) -> None:
        for supervisor in self._supervisors.values():
            supervisor.kill()

    def _on_signals(self, stop: asyncio.Event) -> None:
        def on_signal() -> None:
            if stop.is_set():
                self._logs.say("killing everything")
                self._kill_all()
            else:
                self._logs.say("stopping; once more kills at once")
                stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, on_signal)

    def _platform(self) -> Platform:
        return Platform(
            gateway=self._gateway_url,
            redis=self._redis_url,
            launcher_pid=os.getpid(),
            rooms={
                name: RoomAddress(
                    pid=supervisor.pid,
                    restarts=supervisor.restarts,
                    grpc=supervisor.child.grpc,
                    metrics=f"http://{supervisor.child.metrics}/metrics" if supervisor.child.metrics else "",
                )
                for name, supervisor in self._supervisors.items()
            },
        )

    def _write_platform_file(self) -> None:
        """Also called whenever a child starts, so that a restarted one's pid is there."""
        if self._ready:
            platform_file.write(self._home, self._platform())


def _reachable(host: str) -> str:
    """The host to put in a URL for a server that listens on `host`."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{here}]" if ":" in here else here


@contextmanager
def _only_launcher(home: Path) -> Iterator[None]:
    """Hold the home's lock. The kernel gives it back when the process ends, however it ends."""
    with (home / "launcher.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"a platform already runs in {home} (launcher pid {lock.read().strip()}); "
                "stop it first, or give this one another --home"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
