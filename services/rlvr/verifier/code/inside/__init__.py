"""What runs in the sandbox's own processes. Standard library only: it is started without site-packages.

`launcher` is the supervisor and the init of a run, `namespaces` the kernel calls it makes, `harness` the
part that shares a process with the candidate and is therefore trusted with nothing.
"""
