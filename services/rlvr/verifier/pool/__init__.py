"""Worker processes for pure graders: warm, killed at their deadline, replaced at once.

    Pool (asyncio, in the room)  --fork--> Nursery (one per room: has imported the graders, forks on request)
      |                                      |
      | socket: tasks down, grades up        | fork, a few ms
      v                                      v
    Worker: one task at a time; writes which task, since when and in which phase to a page that the pool sees

No signals inside a grader and no threads: a stuck grader is killed from outside, whatever it is stuck in. The
pool reads the page to know whose fault a kill is: the candidate's only when the worker was judging its completion
and had the processor; otherwise it is ours, and the task is tried once more and then is an `error`.
"""

from rlvr.verifier.pool.pool import Pool, PoolLimits

__all__ = ["Pool", "PoolLimits"]
