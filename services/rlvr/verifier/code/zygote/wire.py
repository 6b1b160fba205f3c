"""The socket between the room and a zygote: one marshalled tuple per packet.

from the room   ("run", config) with the descriptors job, stdin, output
                ("kill",)
to the room     ("ready",)                    once
                ("started",)                  sent by the run itself before the program's first line
                ("broken", text)              by the run, if it could not get that far
                ("ended", status, cpu_s)      all processes of the run are gone; status: None if its init was killed
"""

CONTROL = 3
"""Descriptor of the socket inside."""
MESSAGE_BYTES = 4096
