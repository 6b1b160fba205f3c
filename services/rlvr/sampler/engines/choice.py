"""Which engine the settings ask for. Each is imported only when it is the one: they bring heavy dependencies."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from rlvr.core.process import CannotStart
from rlvr.sampler.engine import Engine
from rlvr.sampler.settings import SamplerSettings


def make_engine(settings: SamplerSettings) -> Engine:
    """The engine, holding nothing yet. Call it inside the loop that uses it.

    Raises:
        CannotStart: the settings do not say where the server is, or there is no vLLM where they say.
    """
    if settings.engine == "openai":
        return _openai(settings)
    if settings.engine == "vllm":
        return _vllm(settings)
    from rlvr.sampler.engines.transformers.engine import TransformersEngine

    return TransformersEngine(
        **settings.model_dump(include={"device", "dtype", "threads", "max_rows", "max_cells", "prefill_tokens"})
    )


def _openai(settings: SamplerSettings) -> Engine:
    from rlvr.sampler.engines.openai.engine import OpenAiEngine

    url = urlsplit(settings.openai.url)
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc:
        # Not shown: it may have a password in it.
        raise CannotStart(
            "RLVR_SAMPLER__OPENAI__URL is not a server's base URL: set it to one such as http://127.0.0.1:8000/v1, and "
            "what the server asks for to RLVR_SAMPLER__OPENAI__API_KEY"
        )
    return OpenAiEngine(settings.openai)


def _vllm(settings: SamplerSettings) -> Engine:
    from rlvr.sampler.engines.vllm.engine import VllmEngine
    from rlvr.sampler.engines.vllm.server import ExternalServer, OwnServer

    if settings.vllm.url:
        return VllmEngine(settings.vllm, ExternalServer(settings.vllm))
    if settings.vllm.python and not Path(settings.vllm.python).is_file():
        raise CannotStart(f"RLVR_SAMPLER__VLLM__PYTHON={settings.vllm.python} is not there")
    if not settings.vllm.python and find_spec("vllm") is None:
        raise CannotStart(
            "there is no vLLM in this environment: set RLVR_SAMPLER__VLLM__PYTHON to the interpreter of one that has "
            "it, or RLVR_SAMPLER__VLLM__URL to a running server"
        )
    server = OwnServer(settings.vllm, device=settings.device, dtype=settings.dtype, threads=settings.threads)
    return VllmEngine(settings.vllm, server)
