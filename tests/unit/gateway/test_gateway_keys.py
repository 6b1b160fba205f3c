"""API keys, and the refusal to be open to a network."""

from __future__ import annotations

import hashlib

import pytest

from rlvr.core.settings import SettingsError
from rlvr.gateway.auth import ApiKeys
from rlvr.gateway.settings import GatewaySettings, api_keys, listen_address

KEY = "a-key-that-is-long-enough"


@pytest.mark.parametrize("kept", [KEY, "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()])
def test_a_key_is_accepted_plain_or_hashed(kept: str) -> None:
    keys = ApiKeys(["another-key-altogether", kept])
    assert keys.allow(f"Bearer {KEY}") and keys.allow(f"bearer {KEY}")
    for wrong in ("", KEY, f"Basic {KEY}", "Bearer ", f"Bearer {KEY}x", f"Bearer {kept[:-1]}"):
        assert not keys.allow(wrong)


@pytest.mark.parametrize("bad", ["hunter2", "sha256:abcd", ""])
def test_a_bad_key_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ValueError, match="key 0") as failure:
        ApiKeys([bad])
    assert not bad or bad not in str(failure.value)


@pytest.mark.parametrize("listen", ["0.0.0.0:80", ":8080", "[::]:8080", "192.168.1.4:8080", "gateway.example:8080"])
def test_an_address_that_others_can_reach_needs_keys(listen: str) -> None:
    with pytest.raises(SettingsError, match="RLVR_GATEWAY__API_KEYS"):
        api_keys(GatewaySettings(listen=listen))
    assert api_keys(GatewaySettings(listen=listen, api_keys=[KEY]))


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "localhost:0", "[::1]:8080", "127.8.9.1:1"])
def test_this_machine_needs_none(listen: str) -> None:
    assert not api_keys(GatewaySettings(listen=listen))


@pytest.mark.parametrize("listen", ["8080", "host:", "host:x", "host:70000", "host:²"])
def test_an_address_without_a_port_is_refused(listen: str) -> None:
    with pytest.raises(SettingsError, match="RLVR_GATEWAY__LISTEN"):
        listen_address(listen)
