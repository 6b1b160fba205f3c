"""The parts of isolation that can be checked without a candidate: the filter's program, where cgroups go."""

import asyncio
import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import rlvr
from rlvr.verifier.code.isolation import seccomp
from rlvr.verifier.code.isolation import syscall_policy as policy
from rlvr.verifier.code.isolation.syscall_numbers import AARCH64, X86_64
from rlvr.verifier.code.runners.cgroups import Cgroup, find_folders
from rlvr.verifier.code.runners.workspace import PREFIX, is_within, sweep, workspace

MACHINES = {"x86_64": (0xC000003E, X86_64), "aarch64": (0xC00000B7, AARCH64)}
ALLOW, KILL = "allow", "kill"


def run_filter(program, architecture, number, *args):
    """What classic BPF `program` says of a system call: "allow", "kill" or an errno."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(*args, *[0] * (6 - len(args))))
    at, accumulator, steps = 0, 0, 0
    while True:
        operation, if_true, if_false, operand = struct.unpack_from("=HBBI", program, at * 8)
        at, steps = at + 1, steps + 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, operand)[0]
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x05:
            at += operand
        elif operation == 0x15:
            at += if_true if accumulator == operand else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= operand else if_false
        else:
            assert operation == 0x06
            assert steps < 60, "the search is not short"
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(operand, operand & 0xFFFF)


@pytest.fixture(params=MACHINES)
def ask(request):
    """Asks the filter of a machine about a call by name or number."""
    architecture, numbers = MACHINES[request.param]
    program = seccomp.make_filter(attributes=False, signal_only=77, machine=request.param)

    def ask(call, *args):
        number = numbers.get(call) if isinstance(call, str) else call
        return None if number is None else run_filter(program, architecture, number, *args)

    return ask


def test_the_filter_answers_as_the_policy_says(ask):
    for names, answer in (
        (policy.ALLOWED, ALLOW),
        (policy.PRIVILEGED, errno.EPERM),
        (policy.ATTRIBUTES, errno.EPERM),
        (policy.NETWORK, errno.EACCES),
    ):
        assert {ask(name) for name in names} - {None} == {answer}


def test_what_is_not_listed_does_not_exist(ask):
    listed = {ask(number) for number in range(1000)}
    assert listed == {ALLOW, errno.EPERM, errno.EACCES, errno.ENOSYS}
    for number in (435, 437, 999, 2**30, 2**30 + 59, 2**31 - 1):  # clone3, openat2, x32's numbers
        assert ask(number) == errno.ENOSYS


def test_calls_of_another_architecture_kill():
    program = seccomp.make_filter(attributes=True, machine="x86_64")
    assert run_filter(program, 0x40000003, 1) == KILL


def test_arguments_decide_where_they_should(ask):
    assert ask("clone", 17) == ALLOW and ask("clone", 0x3D0F00) == ALLOW
    assert all(ask("clone", 17 | flag) == errno.EPERM for flag in (0x10000000, 0x20000000, 0x40000000, 0x20000))
    assert ask("socketpair", 1, 1) == ALLOW and ask("socketpair", 1, 1 | 0o2004000) == ALLOW
    assert ask("socketpair", 1, 2) == ask("socketpair", 2, 1) == errno.EPERM
    assert ask("mknodat", 0, 0, 0o100644) == ask("mknodat", 0, 0, 0o010644) == ALLOW
    assert ask("mknodat", 0, 0, 0o060644) == ask("mknodat", 0, 0, 0o020644) == errno.EPERM
    assert ask("prlimit64", 0) == ALLOW and ask("prlimit64", 1) == errno.EPERM
    assert ask("ioctl", 0, 0x5401) == ALLOW and ask("ioctl", 0, 0x5412) == errno.EPERM
    assert ask("fcntl", 0, 3) == ALLOW and ask("fcntl", 0, 8) == errno.EPERM
    assert ask("prctl", 15) == ALLOW and ask("prctl", 22) == errno.EPERM
    assert ask("kill", 77) == ask("kill", 0) == ALLOW and ask("kill", 78) == ask("kill", 2**32 - 1) == errno.EPERM


def test_a_machine_that_is_not_known_is_refused_by_name():
    with pytest.raises(OSError, match=r"no system-call filter for riscv64; there are x86_64, aarch64"):
        seccomp.make_filter(attributes=True, machine="riscv64")


def test_groups_go_below_our_own_in_cgroup_v1(tmp_path):
    for controller in ("memory", "pids"):
        (tmp_path / controller / "service").mkdir(parents=True)
    mountinfo = "\n".join(
        f"35 31 0:32 / {tmp_path}/{name} rw,relatime - cgroup cgroup rw,{name}" for name in ("memory", "pids", "cpu")
    )
    folders = find_folders("4:memory:/service\n8:pids:/service\n1:cpu:/\n0::/", mountinfo)
    assert folders == {"memory": tmp_path / "memory/service", "pids": tmp_path / "pids/service"}
    assert find_folders("8:pids:/service", mountinfo) is None


@pytest.mark.parametrize("switched_on,expected", [("unit/room", "unit/room"), ("unit", "unit"), ("", None)])
def test_groups_go_where_controllers_are_on_in_cgroup_v2(tmp_path, switched_on, expected):
    (tmp_path / "unit/room").mkdir(parents=True)
    for folder in ("unit/room", "unit", ""):
        on = "cpu memory pids" if folder == switched_on else "cpu"
        (tmp_path / folder / "cgroup.subtree_control").write_text(on)
    mountinfo = f"41 31 0:38 / {tmp_path} rw,relatime shared:4 - cgroup2 cgroup2 rw"
    folders = find_folders("0::/unit/room", mountinfo)
    assert folders == (expected and {"memory": tmp_path / expected, "pids": tmp_path / expected})


def test_a_group_counts_the_time_of_children_that_nobody_waited_for():
    group = Cgroup.create("test")
    if group is None:
        pytest.skip("no cgroups here")
    burn = (
        "import os, signal, sys, time\nsys.stdin.read()\nbegin = sum(os.times()[:4])\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n    while time.process_time() < 0.3: pass\n    os._exit(0)\n"
        "try: os.wait()\nexcept ChildProcessError: print(sum(os.times()[:4]) - begin)"
    )
    child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert group.add(child.pid)
    accounted = float(child.communicate(b"", timeout=100)[0])
    assert group.cpu_s() is None or group.cpu_s() >= 0.3 > accounted
    asyncio.run(group.remove())


def test_a_process_that_closes_itself_to_its_user_is_still_counted():
    source = (
        "import os, sys\nsys.path.insert(0, sys.argv[1])\n"
        "from rlvr.verifier.code.runners.usage import memory_of\n"
        "from rlvr.verifier.code.isolation.privileges import become, set_dumpable\n"
        "become(65534)\nreader, writer = os.pipe()\npid = os.fork()\nif pid == 0:\n    set_dumpable(False)\n"
        "    held = b'x' * (50 << 20)\n    os.write(writer, b'1')\n    while True: pass\n"
        "os.read(reader, 1)\ntry: open(f'/proc/{pid}/smaps_rollup').read()\n"
        "except PermissionError: print(memory_of([pid]))\nos.kill(pid, 9)"
    )
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    root = str(Path(rlvr.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", source, root], capture_output=True, timeout=100)
    assert 50 << 20 <= int(done.stdout) < 200 << 20, done.stderr


async def test_a_workspace_goes_whatever_is_in_it():
    async with workspace(None) as path:
        deep = path
        for _ in range(400):
            deep = deep / "folder"
            deep.mkdir()
        (deep / "file").write_bytes(bytes(10_000))
        (path / "moved-0").symlink_to("/etc")
        assert is_within(path, 10**7) and not is_within(path, 10**4)
        deep.chmod(0)
        (path / "folder").chmod(0)
    assert not path.exists()


async def test_a_workspace_with_too_many_files_is_over_its_bound():
    async with workspace(None) as path:
        for number in range(5000):
            (path / str(number)).touch()
        assert not is_within(path, 10**9)


def test_folders_of_killed_rooms_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, alive = tmp_path / f"{PREFIX}{2**22 + 1}-x", tmp_path / f"{PREFIX}{os.getpid()}-x"
    for folder in (dead, alive):
        (folder / "below").mkdir(parents=True)
    sweep()
    assert alive.is_dir() and not dead.exists()
