"""The tables that the first start makes, as the public contract names them."""

import json

from cli import TABLES_IN_ALL, Server, use_store

PK_SK = {"partition": ["pk", "S"], "sort": ["sk", "S"], "ttl": "", "stream": 0, "indexes": []}
STREAM_NEW_IMAGE = 2
PROJECTION_ALL = 0
GSI1 = {"name": "GSI1", "partition": ["gsi1pk", "S"], "sort": ["gsi1sk", "S"],
        "projection": PROJECTION_ALL}
USERNAME = {"name": "username-index", "partition": ["username", "S"], "projection": PROJECTION_ALL}

TABLES = {
    "ticket-tickets": PK_SK | {"indexes": [GSI1]},
    "ticket-ticket-events": PK_SK,
    "ticket-reservation-reservations": PK_SK | {"indexes": [GSI1]},
    "ticket-reservation-orders": PK_SK | {"indexes": [GSI1]},
    "ticket-reservation-idempotency": {"partition": ["pk", "S"], "ttl": "ttl", "stream": 0,
                                       "indexes": []},
    "ticket-reservation-outbox": PK_SK | {"stream": STREAM_NEW_IMAGE, "ttl": "ttl"},
    "ticket-users": {"partition": ["user_id", "S"], "ttl": "", "stream": 0,
                     "indexes": [USERNAME]},
}


def tables_of(directory):
    lines = [json.loads(line) for line in use_store("tables", directory).splitlines()]
    return {line.pop("name"): line for line in lines}


def test_first_start_makes_them(place):
    with Server("--data-dir", place) as server:
        assert "7 tables (7 new), 0 items" in server.line
        assert server.stop()[0] == 0
    tables = tables_of(place)
    assert TABLES.items() <= tables.items() and len(tables) == TABLES_IN_ALL
    with Server("--data-dir", place) as server:
        assert f"{TABLES_IN_ALL} tables (0 new)" in server.line
        assert server.stop()[0] == 0
    assert tables_of(place) == tables


def test_what_is_there_stays(place):
    """A store with a table of its own and none of ours gets ours beside it."""
    assert use_store("read", place) == "0\n"
    with Server("--data-dir", place) as server:
        assert "8 tables (7 new)" in server.line
        assert server.stop()[0] == 0
    tables = tables_of(place)
    assert tables.pop("writes")["sort"] == ["number", "N"]
    assert TABLES.items() <= tables.items() and len(tables) == TABLES_IN_ALL
