"""tacos serve opens all rooms: what they count is told, what they need is checked."""

import json

import pytest

from cli import Server, expect_failure, run

HINT = "'tacos help serve' tells more.\n"
FAMILIES = ["tacos_relay_published_total", "tacos_worker_done_total",
            "tacos_provider_requests_total", "tacos_queue_sent_total", "tacos_bus_events_total",
            "tacos_store_items"]
QUEUES = ["traffic-tacos-inventory", "traffic-tacos-reservation-expiry",
          "traffic-tacos-reservation-events", "traffic-tacos-payment-webhooks"]


def test_every_room_counts(place):
    with Server("--data-dir", place) as server:
        status, _, body = server.get("/metrics", port=server.operations_port)
        text = body.decode()
        assert status == 200
        for family in FAMILIES:
            assert f"# TYPE {family} " in text, family
        for queue in QUEUES:
            assert f'queue="{queue}"' in text
            assert f'queue="{queue}-dlq"' in text
        assert server.stop()[0] == 0


@pytest.mark.parametrize("words", [
    ("--payment-provider", "http://127.0.0.1:1"),
    ("--payment-secret-file", "secret"),
])
def test_provider_and_secret_go_together(place, words):
    expect_failure(run("serve", "--data-dir", place / "data", *words),
                   f"tacos serve: --payment-provider and --payment-secret-file go together\n{HINT}",
                   status=2)


def test_a_provider_needs_its_secret(place):
    done = run("serve", "--data-dir", place / "data", "--listen", "127.0.0.1:0",
               "--operations-listen", "127.0.0.1:0", "--payment-provider", "http://127.0.0.1:1",
               "--payment-secret-file", place / "none")
    assert done.returncode == 1 and str(place / "none") in done.stderr


def test_a_provider_is_asked(place):
    secret = place / "secret"
    secret.write_text("s3cret-of-the-provider", encoding="ascii")
    secret.chmod(0o600)
    with Server("--data-dir", place / "data", "--payment-provider", "http://127.0.0.1:1",
                "--payment-secret-file", secret) as server:
        status, out, log = server.stop()
        assert status == 0
        assert "s3cret" not in out + log
        for line in log.splitlines():
            json.loads(line)
