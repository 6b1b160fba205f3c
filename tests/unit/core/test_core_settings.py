"""Settings refuse what they do not know, by name."""

from __future__ import annotations

import pytest

from rlvr.core.settings import CoreSettings, SettingsError, load
from rlvr.verifier.settings import VerifierRoomSettings


def test_defaults_need_no_environment() -> None:
    assert load(CoreSettings).redis.url == "redis://127.0.0.1:6379/0"


def test_the_environment_sets_nested_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_STREAMS__MIN_IDLE_S", "7")
    monkeypatch.setenv("RLVR_VERIFIER__KINDS", '["math"]')
    settings = load(VerifierRoomSettings)
    assert settings.streams.min_idle_s == 7
    assert settings.verifier.kinds == ["math"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("RLVR_REDDIS__URL", "x", "RLVR_REDDIS__URL: unknown setting"),
        ("RLVR_REDIS__URI", "x", "RLVR_REDIS__URI"),
        ("RLVR_STREAMS__MIN_IDLE_S", "-1", "RLVR_STREAMS__MIN_IDLE_S"),
        ("RLVR_VERIFIER__KINDS", '["maths"]', "no such verifier: maths; there are math"),
    ],
)
def test_a_wrong_key_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, key: str, value: str, message: str) -> None:
    monkeypatch.setenv(key, value)
    with pytest.raises(SettingsError, match=message):
        load(VerifierRoomSettings)


def test_a_room_ignores_the_settings_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLVR_SAMPLER__POLICY", "x")
    load(VerifierRoomSettings)
