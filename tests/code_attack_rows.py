"""The list of attacks on the code verifier. C-numbers are rows of the list of hostile inputs; see `code_attacks`."""

from __future__ import annotations

import asyncio
import textwrap

from code_attack_cheats import ADD, BRIEF, CHEATS, CRASH, MEMORY, STOPPED, SUM, WRONG
from code_attacks import Row, answered, cheat, fair, graded, invalid, probe, spec_of
from rlvr.core.verdict import Reason
from rlvr.verifier.code.runner import End, Job, Limits, Stdio
from sandboxes import grade_with, run_with, zygote_of

LOOP = "def check(candidate):\n    for i in range(3): assert candidate(i, 1) == i + 1"


def run_beside(code=LOOP):
    """A test that runs in a process of its own."""
    return {"tests": [{"type": "script", "code": code}], "entry_point": "add", "time_limit_s": 20}


SECRET_CORES = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def burn():
    end = time.process_time() + 0.03
    while time.process_time() < end: pass
    os._exit(0)
if os.fork() == 0:
    while True:
        try: os.fork() or burn()
        except OSError: time.sleep(0.001)
while True: pass
"""
"""Children for whom nobody waits: their CPU time is in no account of a process."""
UNDUMPABLE = """
import ctypes, os, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
for _ in range(3): os.fork()
x = bytearray(200 << 20)
for i in range(0, len(x), 4096): x[i] = 1
time.sleep(600)
"""
IN_FLIGHT = """
import array, os, socket
a, b = socket.socketpair()
for end in (a, b):
    fds = array.array("i", [1, a.fileno(), b.fileno()])
    end.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
print(5)
"""
"""The output pipe is held by two sockets that are held only by each other."""
BESIDE = [
    cheat("C03 test code looked for", "import gc, sys\ndef add(a, b): return [m for m in sys.modules if m == 'tests']"
          " and 1 or [o for o in gc.get_objects() if type(o) is str and 'assert' in o]", run_beside(), WRONG | CRASH),
    cheat("C04 end of iteration raised", "def add(a, b): raise StopIteration",
          run_beside("assert all(map(lambda a: add(a, 1) == a + 1, [1, 2]))"), CRASH),
    cheat("C04 group raised", "def add(a, b): raise ExceptionGroup('', [OSError()])",
          run_beside("for a in [1]:\n    try: assert add(a, 1) == 2\n    except TypeError: pass"), CRASH),
    cheat("C05 answers before they are asked for",
          "import os\nos.write(3, b'{\"value\":1}\\n{\"value\":2}\\n{\"value\":3}\\n')\ndef add(a, b): return 0",
          run_beside(), CRASH | WRONG),
    cheat("C06 forged end of a test", "import os\ndef add(a, b): os.write(3, b'{\"end\":\"\",\"how\":\"passed\"}\\n')",
          run_beside(), CRASH),
    cheat("C31 hash flood", "def add(a, b): return [n * (2**61 - 1) for n in range(500)]",
          run_beside("for a in [1]: assert add(set(add(a, 1)), 1) == 1"), WRONG),
    cheat("C31 not a number, to > alone", "def add(a, b): return float('nan')",
          run_beside("for a in [1]:\n    if abs(add(a, 1) - 2) > 1e-6: raise AssertionError"), CRASH),
    cheat("C31 integer of a million bits", "def add(a, b): return 2**10**6",
          run_beside("for a in [1]: assert str(add(a, 1)) == '2'"), WRONG),
]  # fmt: skip
DATA = {"files": {"n.txt": "5"}, "tests": [{"type": "stdio", "stdin": x, "stdout": "5"} for x in "57"]}
CHECKED = {
    "tests": [{"type": "stdio", "stdin": "3", "stdout": "5"}],
    "checker": {"code": "import sys\nn = int(open(sys.argv[2]).read())\nsys.exit(n <= int(open(sys.argv[1]).read()))"},
}
FLOATS = {"tests": [{"type": "stdio", "stdin": "", "stdout": "0.3333333333\n1\n"}]}
EXACT = FLOATS | {"compare": "exact"}
FLOAT = FLOATS | {"compare": "float"}
MORE = [
    cheat("C09 shadowed by its own files", "import json\ndef add(a, b): return 0",
          ADD | {"files": {"json.py": "raise SystemExit(0)", "sitecustomize.py": "1/0"}}, WRONG),
    fair("C10 files edited and deleted", "print(open('n.txt').read())\nopen('n.txt', 'w').write('7')\nimport os\n"
         "os.remove('n.txt')", DATA),
    cheat("C10 a note for the next test", "import os\nprint(input() if os.path.exists('note') else 5)\n"
          "open('note', 'w')\nopen('n.txt', 'w').write('x')\nassert open('n.txt').read() == '5'", DATA, CRASH),
    cheat("C10 the checker's files planted", "for n in ('input.txt', 'answer.txt', 'checker'):\n"
          "    open(n, 'w').write('-9')\nprint(2)", CHECKED, WRONG),
    invalid("C12 no tests", "print(5)", {"tests": []}),
    invalid("C12 inputs without outputs", "print(5)", {"inputs": ["1", "2"], "outputs": ["1"]}),
    cheat("C13 empty completion", "", SUM, {Reason.NO_ANSWER}),
    cheat("C13 no code block", "The sum is 5.", SUM, {Reason.COMPILE_ERROR}),
    cheat("C13 empty block", "```python\n```", SUM, {Reason.NO_ANSWER}),
    cheat("C13 right block, then a wrong one", "```python\nprint(5)\n```\nor\n```python\nprint(6)\n```", SUM, WRONG),
    cheat("C13 right block while thinking", "<think>```python\nprint(5)\n```</think>\n```python\n```", SUM,
          {Reason.NO_ANSWER}),
    cheat("C16 cores taken in secret", SECRET_CORES, BRIEF, STOPPED),
    cheat("C17 memory of processes closed to us", UNDUMPABLE, SUM | {"time_limit_s": 5}, MEMORY | STOPPED),
    fair("C15 output pipe in flight", IN_FLIGHT, SUM),
    fair("C18 16 MB each way", "import sys\nsys.stdout.write(sys.stdin.read())",
         {"tests": [{"type": "stdio", "stdin": "x" * 2**24, "stdout": "x" * 2**24}], "time_limit_s": 20}),
    fair("C19 10 MB never read", "print(5)",
         {"tests": [{"type": "stdio", "stdin": "x" * 10**7, "stdout": "5"}], "time_limit_s": 20}),
    invalid("C23 file outside", "print(5)", SUM | {"files": {"../../x": ""}}),
    fair("C29 drift within the tolerance", "print(1 / 3)\nprint(1 + 1e-9)", FLOAT),
    cheat("C29 drift beyond it", "print(0.3334)\nprint(1)", FLOAT, WRONG),
    fair("C29 trailing space, CRLF", "print('0.3333333333  \\r\\n1\\r\\n\\r\\n', end='')", FLOATS),
    cheat("C29 trailing space where exact", "print('0.3333333333 \\n1')", EXACT, WRONG),
    fair("C30 one of the right answers", "print(4)", CHECKED),
    fair("C30 another", "print(99)", CHECKED),
    cheat("C30 a wrong one", "print(3)", CHECKED, WRONG),
    invalid("C30 the checker crashes", "print(4)", CHECKED | {"checker": {"code": "1/0"}}),
    cheat("C31 a million tokens for the checker", "print('9 ' * 10**6)", CHECKED, WRONG),
    cheat("C31 1e309 for the checker", "print('1e309')", CHECKED, WRONG),
    cheat("C31 nan for the checker", "print('nan')", CHECKED, WRONG),
    cheat("C31 not text for the checker", "import os; os.write(1, b'\\xff\\x00')", CHECKED, WRONG),
]  # fmt: skip


async def _unsteady(grader):
    """A coin decides; until it has shown both sides to one program, as it does in half of the grades."""
    source = "import os\nprint(5 if os.urandom(1)[0] % 2 else 6)"
    for _ in range(60):
        grade = await grade_with(grader, source, spec_of(SUM | {"runs": 5, "time_limit_s": 10}))
        if "unsteady" in grade.breakdown:
            return f"{graded(grade)}, flagged"
    return "not flagged"


async def _marks(grader):
    places = "('/tmp/mark', '/dev/shm/mark', 'mark', '/var/tmp/mark')"
    leave = (
        f"import os\nfor path in {places}:\n    try: open(path, 'w').close()\n    except OSError: pass\n"
        "os.environ['MARK'] = '1'\nimport builtins, json\nbuiltins.mark = json.mark = 1\nprint('left')"
    )
    look = (
        f"import os, builtins, json\nprint([path for path in {places} if os.path.exists(path)],"
        "'MARK' in os.environ, hasattr(builtins, 'mark'), hasattr(json, 'mark'), os.listdir('.'))"
    )
    limits = Limits(10, 256, 10_000)
    assert (await run_with(grader, Job(leave, Stdio(b"")), limits)).output == b"left\n"
    return answered((await run_with(grader, Job(look, Stdio(b"")), limits)).output, b"[] False False False []\n")


async def _memory(grader):
    secret = "s3cret-" + "input" * 20
    search = textwrap.dedent(
        """
        import re
        needle = re.compile(b's3cret-(input){20}')
        for line in open('/proc/self/maps'):
            start, end, mode = re.match('(\\\\w+)-(\\\\w+) (\\\\S+)', line).groups()
            if mode[0] != 'r' or '[v' in line: continue
            with open('/proc/self/mem', 'rb', 0) as memory:
                memory.seek(int(start, 16))
                try: found = needle.search(memory.read(int(end, 16) - int(start, 16)))
                except OSError: continue
                if found: print('REACHED', line)
        """
    )
    limits = Limits(30, 512, 10_000)
    for _ in range(3):
        await run_with(grader, Job(f"x = {secret!r}\ninput()", Stdio(secret.encode())), limits)
    result = await run_with(grader, Job(search, Stdio(b"")), limits)
    return answered(result.output, b"") if result.end is End.EXITED else result.end


async def _killed(grader, times):
    """Kill the zygote under a run, which is then done again, once."""
    spec = spec_of(SUM | {"time_limit_s": 30})
    sleep_s = 60 if times > 1 else 0.3
    source = f"import time\ntime.sleep({sleep_s})\nprint(5)"
    task = asyncio.create_task(grade_with(grader, source, spec))
    killed = None
    async with asyncio.timeout(60):
        for _ in range(times):
            last = killed
            while not (found := zygote_of(grader)) or found == last:
                if task.done():  # before it was seen at work, by a host that stood still
                    task = asyncio.create_task(grade_with(grader, source, spec))
                await asyncio.sleep(0.002)
            found.kill()
            killed = found
        return graded(await task)


RUNS = [
    Row("C08 inputs of earlier runs in memory", {"blocked"}, _memory),
    Row("C24 marks for the next run", {"blocked"}, _marks),
    Row("C27 answers by chance, run five times", {"R0 tests_failed, flagged"}, _unsteady),
    Row("C32 the zygote killed", {"R1 passed"}, lambda grader: _killed(grader, 1), kills=True),
    Row("C32 the zygote killed twice", {"ERR sandbox_unavailable"}, lambda grader: _killed(grader, 2), kills=True),
]
IMAGE = "what can be read is the image's own; test_code_boxes.py looks for what is the host's"
INIT = "gVisor shows the sandbox's first process, which holds nothing; test_code_boxes.py looks for what is the host's"
PROBES = [
    probe("C08 files", "c08_files", stdin=__file__, not_on={"docker": IMAGE}),
    probe("C08 what /proc shows of others", "c08_processes", not_on={"gvisor": INIT}),
    probe("C20 sockets", "c20_network", listens=True),
    probe("C21 other processes", "c21_processes"),
    probe("C22 kernel and privileges", "c22_kernel"),
    probe("C23 links out of the workspace", "c23_links", not_on={"docker": IMAGE}),
]
ELSEWHERE = {"C28": "compiled languages"}
"""Rows of the list that are not among these, and what they are about."""
ROWS = sorted([*CHEATS, *BESIDE, *MORE, *RUNS, *PROBES], key=lambda row: row.number)
