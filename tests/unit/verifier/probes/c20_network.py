"""Sockets of every kind. Standard input: a port on which somebody listens."""

import socket

for place in (("127.0.0.1", int(input())), ("169.254.169.254", 80), ("1.1.1.1", 53)):
    try:
        socket.create_connection(place, 0.5)
    except OSError:
        continue
    print("REACHED", place)

for name in ("localhost.", "example.com"):
    try:
        print("REACHED", socket.getaddrinfo(name, 80))
    except OSError:
        pass

for family in (1, 2, 10, 16, 17, 38, 40):
    for kind in (1, 2, 3, 5):
        try:
            print("REACHED", socket.socket(family, kind))
        except OSError:
            pass

for kind in (socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):  # such a pair can send to any socket that it can name
    try:
        print("REACHED", socket.socketpair(socket.AF_UNIX, kind))
    except OSError:
        pass

ours, theirs = socket.socketpair()
for action in (
    lambda: ours.bind("\0abstract"),
    lambda: ours.bind("here.sock"),
    ours.listen,
    lambda: ours.connect("\0abstract"),
    lambda: ours.sendto(b"x", "/dev/log"),
    lambda: ours.setsockopt(socket.SOL_SOCKET, 26, b"\0" * 16),
):
    try:
        action()
    except OSError:
        continue
    print("REACHED", action)
