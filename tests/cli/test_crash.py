"""Killed at any moment: what was acknowledged is there, whole, and nothing is damaged."""

import os
import random

import pytest

from cli import Server, Writer, check, use_store

# The moments of the kills repeat with the seed; what the machine does meanwhile does not.
SEED = int(os.environ.get("TACOS_SEED", "20261123"))
ROUNDS = 5


@pytest.mark.parametrize("run", range(4))
def test_acknowledged_writes_survive(place, run):
    """Four stores, each killed five times; the last one is sealed."""
    moments = random.Random(SEED + run)
    data, key, options = place / "data", (), []
    if run == 3:
        key = ("5ea1" * 16,)
        (place / "key").write_text(*key, encoding="ascii")
        (place / "key").chmod(0o600)
        options = ["--key-file", place / "key"]
    before = 0
    for round_number in range(ROUNDS):
        replay = f"replay: TACOS_SEED={SEED} make test ONLY=test_crash (round {round_number})"
        with Writer(data, *key) as writer:
            writer.read_for(moments.uniform(0, 0.08))
            acknowledged = writer.kill()
        assert acknowledged > before, replay
        out = check(data, *options)
        assert "nothing wrong" in out, replay
        there = int(use_store("read", data, *key))
        assert there >= acknowledged, replay
        before = there
    check(data, *options)
    with Server("--data-dir", data, *options) as server:
        assert f" {2 * there} items, " in server.line
        assert server.stop()[::2] == (0, "")
