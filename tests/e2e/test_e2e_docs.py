"""The README and the docs: every command they show works, and what they say of answers is so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from launched import RunningPlatform
from rlvr.core import run_spec

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

RUN_ELSEWHERE = {
    "make demo": "test_e2e_demo.py runs it",
    "make test": "it is what runs this",
    "make setup": "it is what made the environment of this",
    ".venv/bin/rlvr up": "the fixture runs it, on a free port",
}
DEFAULT_URL = "http://127.0.0.1:8080"
MAKE_A_POLICY = ".venv/bin/rlvr policy init"
HASTY = """
from dataclasses import replace
from rlvr.cli import main
from rlvr.trainer.presets import PRESETS
PRESETS["tiny"] = replace(PRESETS["tiny"], num_steps=20)
main()
"""


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(page.read_text()) if found == language]


def commands() -> list[tuple[str, str]]:
    return [(page.name, line) for page in PAGES for text in blocks(page, "sh") for line in text.splitlines()]


def test_every_command_shown_is_known_to_be_run() -> None:
    assert commands()
    verbs = {command.split()[1] for _, command in commands() if command.startswith("make ")}
    for verb in verbs:
        assert subprocess.run(["make", "-n", verb], cwd=ROOT, capture_output=True).returncode == 0, verb


@pytest.mark.timeout(600)
def test_the_commands_of_the_docs_work_in_order(platform: RunningPlatform, tmp_path: Path) -> None:
    """As a reader would type them, in one folder, against a running platform."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    [run_file] = blocks(ROOT / "docs" / "quickstart.md", "toml")
    # Two steps show that the command works; the demo shows that it learns. So with the steps of the warm-start.
    (tmp_path / "RUN.toml").write_text(run_file.replace("steps = 20", "steps = 2"))
    (tmp_path / "hasty.py").write_text(HASTY)
    assert any(command.startswith(MAKE_A_POLICY) for _, command in commands())
    environment = {**os.environ, "RLVR_URL": platform.url}
    for page, command in commands():
        if command in RUN_ELSEWHERE:
            continue
        here = command.replace(DEFAULT_URL, platform.url).replace("curl -s ", "curl -sS --fail ")
        here = here.replace(MAKE_A_POLICY, ".venv/bin/python hasty.py policy init")
        done = subprocess.run(here, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}: {command}\n{done.stdout}\n{done.stderr}"


def test_the_verdict_in_the_readme_has_the_fields_of_a_verdict(platform: RunningPlatform) -> None:
    [command] = [command for page, command in commands() if page == "README.md" and command.startswith("curl")]
    here = command.replace(DEFAULT_URL, platform.url)
    answer = json.loads(subprocess.run(here, shell=True, capture_output=True, check=True).stdout)
    [shown] = [json.loads(text) for text in blocks(ROOT / "README.md", "json")]
    assert list(answer) == list(shown)
    for field in ("outcome", "reward", "reason", "extracted", "verifier"):
        assert answer[field] == shown[field]


def test_the_run_file_of_the_quickstart_is_a_run() -> None:
    [text] = blocks(ROOT / "docs" / "quickstart.md", "toml")
    run_spec.parse(tomllib.loads(text))


def test_every_setting_of_a_run_is_in_the_quickstart() -> None:
    text = (ROOT / "docs" / "quickstart.md").read_text()
    for model in (run_spec.RunSpec, run_spec.Recipe, run_spec.Sampling, run_spec.Lora):
        for name in set(model.model_fields) - {"sampling", "training", "problems", "seed"}:
            assert re.search(rf"\b{name}\b", text), f"{name} is not in the quickstart"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
