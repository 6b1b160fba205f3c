"""`rlvr train`: start a run from a file."""

from __future__ import annotations

from pathlib import Path

from rlvr.cli.api import Gateway
from rlvr.cli.failure import Failure
from rlvr.core.errors import InvalidRequest
from rlvr.core.run_spec import load_toml


def start_run(gateway: Gateway, path: Path) -> str:
    """Create the run that the file describes; its id.

    Raises:
        Failure: the file is not a valid run, or the platform does not take it. Names the fields.
    """
    try:
        spec = load_toml(path)
    except OSError as failure:
        raise Failure(f"{path} cannot be read: {failure.strerror}", exit_code=2) from None
    except InvalidRequest as failure:
        raise Failure(f"{path}: {failure.detail}", exit_code=2) from None
    run_id: str = gateway.create_run(spec.model_dump(mode="json"))["run_id"]
    return run_id
