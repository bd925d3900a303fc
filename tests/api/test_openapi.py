"""docs/openapi.yaml is what the binary does: the same routes, replies that match its schemas."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from contract import Broken, Contract
from door import (ROOT, TACOS, TIMEOUT_S, Client, Product, Reply, environment, head_of, wait_until)

CONTRACT = Contract()


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    with Product(place) as server:
        yield server
        assert server.end() == 0
    shutil.rmtree(place)


def port_of(product, endpoint):
    return {"http": product.port, "operations": product.operations}[endpoint]


def routes():
    done = subprocess.run([TACOS, "routes"], capture_output=True, check=True, timeout=TIMEOUT_S,
                          env=environment())
    return json.loads(done.stdout)


# ---- the document ----

def test_routes_are_the_same():
    table = [(route["endpoint"], route["method"], route["path"]) for route in routes()]
    assert len(table) == len(set(table))
    assert set(table) == set(CONTRACT.operations())


def test_every_operation_is_described():
    operations = CONTRACT.operations()
    ids = {}
    for (_, method, path), operation in operations.items():
        assert operation["summary"]
        assert set(operation["x-endpoints"]) <= {"http", "operations"}
        assert CONTRACT.resolve(operation["responses"]["default"])
        assert ids.setdefault(operation["operationId"], (method, path)) == (method, path)
        for response in operation["responses"].values():
            assert CONTRACT.resolve(response)["description"]


def test_every_reference_leads_somewhere():
    def walk(node):
        if isinstance(node, dict):
            if "$ref" in node:
                assert CONTRACT.resolve(node)
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)
    walk(CONTRACT.document)


def test_the_document_is_openapi():
    """By openapi_spec_validator, if any Python on the PATH has it."""
    pythons = [shutil.which(name) for name in ("python3", "python")] + ["/usr/bin/python3"]
    check = ("import sys, yaml, openapi_spec_validator as v\n"
             "v.validate_spec(yaml.safe_load(open(sys.argv[1])))")
    for python in dict.fromkeys(filter(None, pythons)):
        has = subprocess.run([python, "-c", "import yaml, openapi_spec_validator"],
                             capture_output=True, check=False, timeout=TIMEOUT_S)
        if has.returncode == 0:
            done = subprocess.run([python, "-c", check, ROOT / "docs" / "openapi.yaml"],
                                  capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
            assert done.returncode == 0, done.stderr
            return
    pytest.skip("no Python here has openapi_spec_validator")


# ---- the replies ----

def is_plain(key, operation):
    """What anybody may ask without saying more; test_contract_*.py ask for the rest."""
    asks = [CONTRACT.resolve(parameter) for parameter in operation.get("parameters", ())]
    return key[1] == "GET" and "security" not in operation and \
        not any(parameter["required"] for parameter in asks)


PLAIN = sorted(key for key, operation in CONTRACT.operations().items() if is_plain(key, operation))


@pytest.mark.parametrize("endpoint, method, path", PLAIN)
def test_replies(product, endpoint, method, path):
    operation = CONTRACT.operations()[endpoint, method, path]
    with Client(port_of(product, endpoint)) as client:
        reply = client.ask(method, path)
        assert reply.status == 200
        CONTRACT.check_reply(operation, reply)
        assert reply.get("x-request-id")
        # A success body is the bare object.
        if reply.get("content-type").startswith("application/json"):
            assert not {"data", "error"} & set(reply.json())


@pytest.mark.parametrize("endpoint, method, path", sorted(CONTRACT.operations()))
def test_refusals(product, endpoint, method, path):
    operation = CONTRACT.operations()[endpoint, method, path]
    path = re.sub(r"{\w+}", "x", path)
    for status, request in (
            (400, f"{method} {path} HTTP/1.1\r\n\r\n".encode()),
            (405, head_of("BREW", path)),
            (413, head_of(method, path, Content_Length=1 << 40)),
            (417, head_of(method, path, Expect="x")),
            (431, head_of(method, path, X="y" * 17000)),
            (501, head_of(method, path, Transfer_Encoding="gzip")),
            (505, f"{method} {path} HTTP/1.9\r\nHost: a\r\n\r\n".encode())):
        with Client(port_of(product, endpoint)) as client:
            client.send(request)
            reply = client.reply()
            assert reply.status == status
            CONTRACT.check_reply(operation, reply)
            assert reply.error_code()


def test_not_ready(tmp_path):
    operation = CONTRACT.operations()["operations", "GET", "/readyz"]
    with Product(tmp_path / "data") as product, Client(product.port) as client:
        client.send(head_of("POST", "/nowhere", Content_Length=1))
        assert wait_until(lambda: product.requests() == 1)
        product.process.send_signal(signal.SIGTERM)
        assert wait_until(lambda: product.metrics()["tacos_ready"] == 0)
        with Client(product.operations) as probe:
            reply = probe.ask("GET", "/readyz")
            assert reply.status == 503
            CONTRACT.check_reply(operation, reply)
        client.send(b"x")
        assert client.reply().status == 404
        client.close()
        assert product.end(None) == 0


def test_version(product):
    said = subprocess.run([TACOS, "version"], capture_output=True, text=True, check=True,
                          timeout=TIMEOUT_S, env=environment()).stdout
    with Client(product.port) as client:
        assert client.ask("GET", "/version").json()["version"] in said


# ---- the validator itself ----

@pytest.mark.parametrize("schema, good, bad", [
    ({"type": "string"}, ["", "a"], [1, None, [], {}]),
    ({"type": "integer"}, [0, -1], [True, 1.5, "1", None]),
    ({"type": "number"}, [0, 1.5], [True, "1"]),
    ({"type": "boolean"}, [True], [1, "true"]),
    ({"type": "string", "nullable": True}, ["a", None], [1]),
    ({"type": "string", "enum": ["a", "b"]}, ["a"], ["c", "A"]),
    ({"type": "string", "pattern": "^[a-z]+$"}, ["abc"], ["", "a1"]),
    ({"type": "string", "minLength": 1, "maxLength": 2}, ["a", "ab"], ["", "abc"]),
    ({"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "integer"}},
     [[1], [1, 2]], [[], [1, 2, 3], ["a"]]),
    ({"type": "integer", "minimum": 0, "maximum": 9}, [0, 9], [-1, 10]),
    ({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
     [{"a": ""}, {"a": "", "b": 1}], [{}, {"a": 1}]),
    ({"type": "object", "additionalProperties": False, "properties": {"a": {}}},
     [{}, {"a": 1}], [{"b": 1}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "b"}]),
    ({"allOf": [{"type": "string"}, {"minLength": 1}]}, ["a"], ["", 1]),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [None, True]),
    ({"$ref": "#/components/schemas/Health"}, [{"status": "ok"}], [{}, {"status": "no"}]),
])
def test_validator(schema, good, bad):
    for value in good:
        CONTRACT.check(value, schema)
    for value in bad:
        with pytest.raises(Broken):
            CONTRACT.check(value, schema)


def test_validator_knows_what_it_does_not_know():
    with pytest.raises(Broken, match="does not know 'prefixItems'"):
        CONTRACT.check([], {"prefixItems": []})
    operation = CONTRACT.operations()["http", "GET", "/healthz"]
    json_type = ("content-type", "application/json; charset=utf-8")
    for reply in (Reply(200, "OK", [json_type], b'{"status":"ok","more":1}'),
                  Reply(200, "OK", [("content-type", "text/plain")], b"ok"),
                  Reply(200, "OK", [json_type, ("x-request-id", "two words")], b'{"status":"ok"}'),
                  Reply(404, "Not Found", [json_type], b'{"error":{"code":"lower"}}')):
        with pytest.raises(Broken):
            CONTRACT.check_reply(operation, reply)
