"""Ports for the rooms."""

from __future__ import annotations

import socket

import pytest

from rlvr.embedded.ports import first_free, free_ports, is_free


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(10)
    assert len(set(ports)) == 10
    assert all(is_free("127.0.0.1", port) for port in ports)


def test_a_taken_port_is_passed_over() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free("127.0.0.1", port)
        assert first_free("127.0.0.1", port) > port


def test_running_out_of_ports_names_the_range() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(OSError, match=f"ports {port} to {port}"):
        first_free("127.0.0.1", port, attempts=1)


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1"):
        first_free("192.0.2.1", 8080)
