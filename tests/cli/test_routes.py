"""tacos routes: the table of routes as JSON, which is what the server answers."""

import json

from cli import Server, run_ok


def routes():
    return json.loads(run_ok("routes"))


def test_form():
    rows = routes()
    assert rows
    for row in rows:
        assert list(row) == ["endpoint", "method", "path", "auth", "idempotency_key", "body_bytes"]
        assert row["endpoint"] in ("http", "operations")
        assert row["method"] in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
        assert row["path"].startswith("/")
        assert row["auth"] in ("none", "optional", "user", "admin", "signature")
        assert row["idempotency_key"] in ("none", "optional", "required")
        assert isinstance(row["body_bytes"], int)
    keys = [(row["endpoint"], row["method"], row["path"]) for row in rows]
    assert len(keys) == len(set(keys))


def test_every_row_is_served(place):
    with Server("--data-dir", place) as server:
        for row in routes():
            if row["method"] != "GET" or "{" in row["path"]:
                continue
            port = server.port if row["endpoint"] == "http" else server.operations_port
            assert server.get(row["path"], port)[0] not in (404, 405), row
            status, headers, _ = server.get(row["path"], port, method="OPTIONS")
            methods = {other["method"] for other in routes() if other["path"] == row["path"]}
            assert status == 204
            assert set(headers["allow"].split(", ")) == methods | {"HEAD", "OPTIONS"}
        assert server.stop()[0] == 0
