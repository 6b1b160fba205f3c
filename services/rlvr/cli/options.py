"""Options that several commands have, and what theirs may be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Room(StrEnum):
    gateway = "gateway"
    coordinator = "coordinator"
    sampler = "sampler"
    verifier = "verifier"
    trainer = "trainer"


class SamplingEngine(StrEnum):
    transformers = "transformers"
    vllm = "vllm"
    openai = "openai"


class Format(StrEnum):
    table = "table"
    jsonl = "jsonl"


class ReportFormat(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


Home = Annotated[
    Path,
    typer.Option(envvar="RLVR_HOME", help="Folder of a platform on this machine: data, logs, published policies."),
]
Url = Annotated[
    str,
    typer.Option(
        envvar="RLVR_URL",
        help="The gateway. Left out, that of the platform that runs in --home.",
        show_default=False,
    ),
]
ApiKey = Annotated[
    str, typer.Option(envvar="RLVR_API_KEY", help="API key, where the gateway wants one.", show_default=False)
]
HOME = Path(".rlvr")
