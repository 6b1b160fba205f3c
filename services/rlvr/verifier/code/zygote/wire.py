"""The two sockets between the room and a zygote: one marshalled tuple per packet.

control, the zygote's:
    from the room   (tier, config) with the other socket    once
                    ("kill", number)              end that run, if it is still the one
    to the room     ("ready",)                    once
                    ("started",)                  sent by the run itself before the program's first line
                    ("broken", text)              by the run, if it could not get that far
                    ("ended", status, cpu_s)      all processes of the run are gone; status: None if its init was killed
runs, read by the process that waits to become the next candidate:
    from the room   (config,) with the descriptors job, stdin, output

Runs are counted from 1, by the room as it begins them and by the zygote as it forks for them.
"""

CONTROL, RUNS = 3, 4
"""Descriptors of the sockets inside."""
MESSAGE_BYTES = 4096
