"""The commands and their options. Each is thin: what it does is in the module that it imports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rlvr import __version__
from rlvr.cli.failure import Failure
from rlvr.cli.options import HOME, ApiKey, Format, Home, ReportFormat, Room, SamplingEngine, Url

app = typer.Typer(
    name="rlvr",
    help="Reinforcement learning with verifiable rewards: a verification service and the training loop around it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs_app = typer.Typer(help="List, follow, stop and resume training runs.", no_args_is_help=True, rich_markup_mode=None)
policy_app = typer.Typer(help="Make policies.", no_args_is_help=True, rich_markup_mode=None)
quality_app = typer.Typer(
    help="Measure how often a verifier is wrong, with labelled rows.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(runs_app, name="runs")
app.add_typer(policy_app, name="policy")
app.add_typer(quality_app, name="quality")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


@app.command()
def up(
    host: Annotated[str, typer.Option(help="Address that the gateway listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The gateway's port; the next free one if taken.")] = 8080,
    home: Home = HOME,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Logs only to files, in logs/ of the home, not to the terminal.")
    ] = False,
) -> None:
    """Run the whole platform on this machine until Ctrl-C.

    Starts Redis and every room as child processes, restarts those that die, and prints the URLs when all is ready.
    A second Ctrl-C kills at once. Settings are environment variables, for example RLVR_LOG__LEVEL=debug; set
    RLVR_REDIS__URL to use a Redis that runs already.
    """
    from rlvr.cli.up import run_up

    run_up(home=home, host=host, port=port, quiet=quiet)


@app.command()
def serve(
    room: Annotated[Room, typer.Argument(help="Which room.")],
    kinds: Annotated[
        str, typer.Option(help="verifier only: the kinds that it serves, for example math,code.", show_default="all")
    ] = "",
    engine: Annotated[
        SamplingEngine | None,
        typer.Option(help="sampler only: what draws the samples. See docs/sampling.md.", show_default="transformers"),
    ] = None,
) -> None:
    """Run one room in the foreground, for containers. Its settings are RLVR_ environment variables."""
    from rlvr.cli.serve import become_room

    become_room(
        room.value,
        [kind.strip() for kind in kinds.split(",") if kind.strip()],
        engine.value if engine is not None else "",
    )


@app.command()
def verify(
    file: Annotated[
        Path | None,
        typer.Argument(help='JSONL, a trace a line: {"verifier", "completion", "spec"}. "-" is standard input.'),
    ] = None,
    verifier: Annotated[str, typer.Option(help="For a single trace: the verifier.")] = "math",
    completion: Annotated[str | None, typer.Option(help="For a single trace: its text.")] = None,
    spec: Annotated[str | None, typer.Option(help="For a single trace: the verifier's spec, as JSON.")] = None,
    output: Annotated[Format, typer.Option(help="How to print the verdicts.")] = Format.table,
    url: Url = "",
    api_key: ApiKey = "",
    home: Home = HOME,
) -> None:
    """Post traces to a gateway and print their verdicts.

    Exits with 0 when every trace got a verdict, whatever it says.
    """
    from rlvr.cli.platform import connect
    from rlvr.cli.verify import read_items, single_item, verify_items

    if (file is None) == (completion is None):
        raise Failure("give either a FILE of traces, or --completion and --spec of a single one", exit_code=2)
    items = read_items(file) if file is not None else iter([single_item(verifier, completion or "", spec)])
    with connect(url, api_key, home) as gateway:
        verify_items(gateway, items, as_table=output is Format.table)


@app.command()
def train(
    run: Annotated[Path, typer.Argument(metavar="RUN.toml", help="What to train; see docs/quickstart.md.")],
    detach: Annotated[bool, typer.Option("--detach", help="Start the run, print its id, and leave it.")] = False,
    url: Url = "",
    api_key: ApiKey = "",
    home: Home = HOME,
) -> None:
    """Start a run on a running platform and follow it to its end.

    Ctrl-C stops the run (`rlvr runs resume` goes on with it); a second one leaves at once. Exits with 0 when
    the run succeeds, with 1 when it fails, with 130 when it was stopped.
    """
    from rlvr.cli.follow import follow
    from rlvr.cli.platform import connect
    from rlvr.cli.train import start_run

    with connect(url, api_key, home) as gateway:
        run_id = start_run(gateway, run)
        if detach:
            typer.echo(run_id)
            return
        code = follow(gateway, run_id, stop_on_interrupt=True)
    raise typer.Exit(code)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="Of the policy, the problems and the sampling.")] = 0,
    home: Annotated[Path, typer.Option(help="Where the demo's files go.")] = Path(".rlvr/demo"),
) -> None:
    """Show all of it in a few minutes: verdicts over HTTP, then a small policy that learns from them."""
    from rlvr.demo.run import run_demo

    raise typer.Exit(run_demo(seed=seed, home=home))


@policy_app.command("init")
def policy_init(
    out: Annotated[Path, typer.Argument(help="Folder to make: a Hugging Face model with its tokenizer.")],
    preset: Annotated[str, typer.Option(help="Which policy; `tiny` is made in about a minute.")] = "tiny",
    seed: Annotated[int, typer.Option(min=0, help="Of the initial weights and of the examples.")] = 0,
) -> None:
    """Make a small policy, warm-started on worked examples so that there is something to reinforce."""
    from rlvr.cli.policy import init

    init(preset, out, seed)


@runs_app.command("list")
def runs_list(url: Url = "", api_key: ApiKey = "", home: Home = HOME) -> None:
    """Print all runs, newest first."""
    from rlvr.cli.platform import connect
    from rlvr.cli.runs import print_runs

    with connect(url, api_key, home) as gateway:
        print_runs(gateway.list_runs())


@runs_app.command("watch")
def runs_watch(
    run_id: Annotated[str, typer.Argument(help="See `rlvr runs list`.")],
    url: Url = "",
    api_key: ApiKey = "",
    home: Home = HOME,
) -> None:
    """Follow a run to its end. Ctrl-C leaves it running."""
    from rlvr.cli.follow import follow
    from rlvr.cli.platform import connect

    with connect(url, api_key, home) as gateway:
        code = follow(gateway, run_id, stop_on_interrupt=False)
    raise typer.Exit(code)


@runs_app.command("stop")
def runs_stop(
    run_id: Annotated[str, typer.Argument(help="See `rlvr runs list`.")],
    url: Url = "",
    api_key: ApiKey = "",
    home: Home = HOME,
) -> None:
    """Stop a run. Its state is kept."""
    from rlvr.cli.platform import connect
    from rlvr.cli.runs import print_runs

    with connect(url, api_key, home) as gateway:
        print_runs([gateway.stop_run(run_id)])


@runs_app.command("resume")
def runs_resume(
    run_id: Annotated[str, typer.Argument(help="See `rlvr runs list`.")],
    url: Url = "",
    api_key: ApiKey = "",
    home: Home = HOME,
) -> None:
    """Go on with a stopped or failed run where it was."""
    from rlvr.cli.platform import connect
    from rlvr.cli.runs import print_runs

    with connect(url, api_key, home) as gateway:
        print_runs([gateway.resume_run(run_id)])


@quality_app.command("math")
def quality_math(
    named: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=PATH", help="A file of labelled rows; repeatable.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="A folder with any of gsm8k_labelled.jsonl, hardverify_dev.jsonl, math_solutions.jsonl.",
            show_default=False,
        ),
    ] = None,
    built_in: Annotated[
        bool, typer.Option(help="The sets that come with rlvr: `forms`, `policies`, `answers`.")
    ] = True,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Rows per set, drawn at random, the same each time.", show_default="all")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Audit the verifier behind this gateway.", show_default="the one in this process")
    ] = "",
    api_key: ApiKey = "",
    peer: Annotated[bool, typer.Option(help="Math-Verify on the same rows (pip install 'rlvr[quality]').")] = True,
    output: Annotated[ReportFormat, typer.Option("--format", help="How to print the report.")] = ReportFormat.table,
    failures: Annotated[bool, typer.Option("--failures", help="List rows judged wrongly or not at all.")] = False,
    max_fp: Annotated[
        float | None, typer.Option(min=0, max=1, help="Fail over this rate of false positives in any set.")
    ] = None,
    max_fn: Annotated[
        float | None, typer.Option(min=0, max=1, help="Fail over this rate of false negatives in any set.")
    ] = None,
) -> None:
    """Grade labelled rows with the math verifier, and with Math-Verify beside it.

    Prints false positives (wrong answers accepted) and false negatives (right answers not accepted, unreadable gold
    answers included) by set and by form, with 95 % Wilson intervals, and the grades per second of one process.

    A --set is JSONL. A row is {"form", "gold", "answer" or "completion", "right", "spec"?, "why"?};
    {"completion", "answer", "is_correct"}; {"answer", "right_output", "wrong_output"}; or {"solution"}, whose last
    box is its right answer and the boxes of two other rows are wrong ones.

    Exits with 0, or with 1 when a limit is given and a set is over it, disputed labels left out, or has errors.
    """
    from rlvr.cli.quality import exit_code, load_rows, print_report, run_audit

    rows = load_rows(named or [], data, built_in=built_in, limit=limit)
    judgings = run_audit(rows, url, api_key, with_peer=peer)
    print_report(judgings, output.value, failures=failures)
    raise typer.Exit(exit_code(judgings, max_fp, max_fn))
