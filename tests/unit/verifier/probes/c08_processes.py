"""What other processes show of themselves in /proc."""

import os

try:
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
except OSError:
    pids = range(1, 40_000)
for pid in pids:
    for name in ("environ", "maps", "mem", "fd", "root", "cwd"):
        path = f"/proc/{pid}/{name}"
        try:
            found = os.listdir(path) if name in ("fd", "root", "cwd") else open(path, "rb").read(1)
        except OSError:
            continue
        if pid != os.getpid() and found:
            print("REACHED", path)
