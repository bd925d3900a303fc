"""Requests that two readers could understand differently: refused, and nothing behind them is read.

The corpus is that of the parser's unit tests, tests/unit/net/smuggling_cases.h, here over sockets.
"""

import re

import pytest

from door import ROOT, head_of

# What is told about each; all others are 400.
STATUSES = {"VERSION": 505, "TRANSFER_UNKNOWN": 501, "EXPECTATION": 417}

# What a front server would take for somebody else's request.
SMUGGLED = head_of("GET", "/hello?smuggled", X_Request_ID="smuggled")

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
BEHIND = b"\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"

# What the macros of the header make of their text.
MACROS = {
    "CASE": lambda text: text,
    "POST": lambda lines: POST + lines + BEHIND,
    "CODED": lambda value: POST + b"Transfer-Encoding:" + value + b"\r\n" + BEHIND,
    "LENGTH": lambda value: POST + b"Content-Length:" + value + b"\r\n" + BEHIND,
    "LINE": lambda line: line + b"\r\nHost: a\r\n\r\n",
    "HOST": lambda value: b"GET / HTTP/1.1\r\nHost:" + value + b"\r\n\r\n",
    "BODY": lambda chunks: POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks,
}

STRING = r'"(?:[^"\\]|\\.)*"'
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]+|[0-7]{1,3}|.)")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f", b"b": b"\b",
           b'"': b'"', b"\\": b"\\"}


def unescape(found):
    code = found[1]
    if code.startswith(b"x"):
        return bytes([int(code[1:], 16)])
    return bytes([int(code, 8)]) if code.isdigit() else ESCAPES[code]


def c_string(literals):
    """The bytes of adjacent string literals of C."""
    return b"".join(ESCAPE.sub(unescape, literal[1:-1].encode("latin-1"))
                    for literal in re.findall(STRING, literals))


def read_cases():
    source = (ROOT / "tests/unit/net/smuggling_cases.h").read_text(encoding="ascii")
    table = source.partition("SMUGGLING_CASES[] = {")[2].partition("\n};")[0]
    pattern = re.compile(rf"\b({'|'.join(MACROS)})\(\s*({STRING})\s*,\s*((?:{STRING}\s*)+),\s*"
                         r"REFUSAL_(\w+)\)")
    cases = [(c_string(what).decode(), MACROS[macro](c_string(text)), refusal)
             for macro, what, text, refusal in pattern.findall(table)]
    assert len(cases) == table.count("REFUSAL_")
    return cases


CASES = read_cases()
BAD = [case for case in CASES if case[2] != "NONE"]
GOOD = [case for case in CASES if case[2] == "NONE"]


def names(cases):
    return [what for what, _, _ in cases]


def test_the_corpus_is_there():
    assert len(BAD) > 200
    assert len(GOOD) > 15
    assert ("CL.TE", POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n" + BEHIND,
            "LENGTH_CONFLICT") in CASES


def expect_refusal(client, refusal):
    reply = client.reply()
    assert reply.status == STATUSES.get(refusal, 400)
    assert reply.error_code() != ""
    assert reply.get("connection") == "close"
    assert client.ended()


@pytest.mark.parametrize("what, text, refusal", BAD, ids=names(BAD))
def test_refused(door, what, text, refusal):
    before = door.refusals(refusal.lower())
    with door.client() as client:
        client.send(text + SMUGGLED)
        expect_refusal(client, refusal)
    # One byte at a time, behind a good one, and the same is found.
    with door.client() as client:
        assert client.ask("GET", "/hello").status == 200
        client.send_slowly(text + SMUGGLED)
        expect_refusal(client, refusal)
    assert door.refusals(refusal.lower()) == before + 2, what


@pytest.mark.parametrize("what, text, refusal", GOOD, ids=names(GOOD))
def test_accepted(door, what, text, refusal):
    """What stands beside the bad ones in the corpus is no refusal of the parser."""
    assert refusal == "NONE"
    with door.client() as client:
        client.send(text + SMUGGLED)
        reply = client.reply()
        # Nothing is at "/", and a length may be too much for that.
        assert reply.status in (404, 413, 204), what


@pytest.mark.parametrize("body", [SMUGGLED, SMUGGLED * 3, b"0\r\n\r\n" + SMUGGLED],
                         ids=["one", "three", "behind a last chunk"])
@pytest.mark.parametrize("path", ["/echo", "/hello", "/nowhere"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_a_request_in_a_body_is_a_body(door, body, path, chunked):
    with door.client() as client:
        if chunked:
            client.send(head_of("POST", path, Transfer_Encoding="chunked") +
                        b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            client.send(head_of("POST", path, Content_Length=len(body)) + body)
        client.send(head_of("GET", "/hello", X_Request_ID="next"))
        first = client.reply()
        assert first.status == (404 if path == "/nowhere" else 200)
        assert path != "/echo" or first.body == body
        assert client.reply().get("x-request-id") == "next"
        client.finish()
        assert client.ended()


@pytest.mark.parametrize("head", [
    head_of("POST", "/echo", Content_Length=(1 << 20) + 1),
    head_of("GET", "/hello", Content_Length=len(SMUGGLED)),
    head_of("GET", "/hello", Expect="x", Content_Length=len(SMUGGLED)),
], ids=["too large", "none taken", "expectation"])
def test_the_body_of_a_refused_request_is_not_a_request(door, head):
    with door.client() as client:
        client.send(head + SMUGGLED)
        assert client.reply().status in (413, 417)
        assert client.ended()
