"""What runs inside: a warm interpreter that has already shut itself in and forks each candidate.

    room --spawn--> main: leaves the host, once --fork--> zygote: one run after the other
                      jail:             zygote --fork--> init, pid 1 of the run --fork--> candidate
                      landlock, unsafe: zygote, reaper of all below, --fork--> candidate

In a jail whatever ends init ends every process of the run, in the kernel; elsewhere the zygote hunts them down.

The room speaks with the zygote over one socket, in marshalled tuples (see `wire`). A zygote never sees a
program or an input: they come in a sealed file whose descriptor it passes on, so that there is nothing of one
run in its memory for the next to find. Standard library only; see `isolation`.
"""
