"""Ways out of the workspace."""

import os

os.symlink("/etc/passwd", "a")
os.symlink("/", "b")
for path in (
    "a",
    "b/etc/passwd",
    "b/root/.bashrc",
    "../../../etc/passwd",
    "/proc/self/root/etc/passwd",
    "/proc/self/cwd/../etc/passwd",
):
    try:
        print("REACHED", path, open(path).read()[:20])
    except OSError:
        pass
for path in ("/usr/bin/env", "/etc/passwd"):
    try:
        os.link(path, "c")
    except OSError:
        continue
    print("REACHED", path)
