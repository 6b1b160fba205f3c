"""What the launcher starts."""

from __future__ import annotations

from pathlib import Path

from rlvr.core.settings import ROOMS
from rlvr.embedded.plan import STOP_ORDER, Child, room_children


def children(**environ: str) -> dict[str, Child]:
    made = room_children(
        environ,
        home=Path("/home/x"),
        redis_url="unix:///r.sock",
        gateway="127.0.0.1:8080",
        ports=range(20_000, 20_010),
        cores=2,
        log_format="json",
    )
    return {child.name: child for child in made}


def test_every_room_is_started_and_stopped_once_with_redis_last() -> None:
    names = [name for stage in STOP_ORDER for name in stage]
    assert sorted(names) == sorted([*children(), "redis"])
    assert names[-1] == "redis"


def test_rooms_find_each_other_where_they_listen() -> None:
    made = children()
    for room in ROOMS:
        if room == "gateway":
            continue
        assert made[room].env["RLVR_GRPC__LISTEN"] == made[room].grpc
        assert {child.env[f"RLVR_PEERS__{room.upper()}"] for child in made.values()} == {made[room].grpc}


def test_no_two_servers_share_an_address() -> None:
    addresses = [a for child in children().values() for a in (child.grpc, child.metrics) if a]
    assert len(set(addresses)) == len(addresses)


def test_the_users_settings_hold_except_for_addresses() -> None:
    made = children(RLVR_LOG__LEVEL="debug", RLVR_GRPC__DRAIN_S="9", RLVR_GRPC__LISTEN="1.2.3.4:5", OMP_NUM_THREADS="7")
    env = made["sampler"].env
    assert (env["RLVR_LOG__LEVEL"], env["RLVR_GRPC__DRAIN_S"], env["OMP_NUM_THREADS"]) == ("debug", "9", "7")
    assert env["RLVR_GRPC__LISTEN"] == made["sampler"].grpc


def test_rooms_do_not_see_the_client_commands_variables() -> None:
    made = children(RLVR_URL="http://elsewhere", RLVR_API_KEY="secret")
    assert all("RLVR_URL" not in child.env and "RLVR_API_KEY" not in child.env for child in made.values())


def test_each_room_keeps_its_name_in_consumer_groups_over_restarts() -> None:
    assert {name: child.env["RLVR_STREAMS__CONSUMER"] for name, child in children().items()} == {
        room: f"{room}-0" for room in ROOMS
    }


def test_a_room_sees_no_settings_of_another() -> None:
    blocks = {f"RLVR_{room.upper()}__X": room for room in ROOMS}
    made = children(**blocks, RLVR_GATEWAY='{"api_keys": ["k"]}', rlvr_gateway__api_keys='["k"]', RLVR_GATEWAYS="typo")
    for room in ROOMS:
        own = {key: made[room].env[key] for key in blocks if key in made[room].env}
        assert own == {f"RLVR_{room.upper()}__X": room}
        assert made[room].env["RLVR_GATEWAYS"] == "typo", "what no room knows is for the room to refuse"
        lets_in = room == "gateway"
        for key in ("RLVR_GATEWAY", "rlvr_gateway__api_keys", "RLVR_GATEWAY__LISTEN"):
            assert (key in made[room].env) is lets_in
