"""The gRPC port against clients that are broken, slow or hostile: HTTP/2 frames by hand. After each the same server serves others."""

import re
import struct

import pytest

from grpc_client import (CHECK, CONTINUATION, DATA, END_HEADERS, END_STREAM, EXECUTE, HEADERS, PING, PREFACE, REFLECT,
                         RST_STREAM, SETTINGS, WATCH, WINDOW_UPDATE, GrpcClient, RawHttp2, header_block, message,
                         request_headers, text, with_prefix)
from service import wait_until

pytestmark = pytest.mark.security

OK, INVALID, DEADLINE, EXHAUSTED, UNIMPLEMENTED = 0, 3, 4, 8, 12
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM = 0, 1, 7
EMPTY = with_prefix(b"")


def port_of(service):
    """Of a service of this file's, without executors: what is executed waits. In the end it still serves."""
    yield service.grpc_port()
    with GrpcClient(service.grpc_port()) as client:
        assert client.check() == 1
    problems = service.close()
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="module")
def port(estate):
    yield from port_of(estate.start(max_body_kb=256))


@pytest.fixture(scope="module")
def hasty_port(estate):
    """Where who is slow is let go after a second."""
    yield from port_of(estate.start(request_timeout_s=1))


def program(**fields):
    return with_prefix(message("executor.ExecuteRequest", **{"language": "python", "code": "1", **fields}).SerializeToString())


def answer_to(raw, stream, headers, *data):
    """(grpc-status, grpc-message) of a call whose data frames are these, the last of which ends it."""
    raw.start(stream, headers, END_HEADERS | (0 if data else END_STREAM))
    for number, payload in enumerate(data):
        raw.data(stream, payload, END_STREAM if number == len(data) - 1 else 0)
    return raw.status(stream)


def check(raw, stream):
    """The connection still serves."""
    assert answer_to(raw, stream, request_headers(CHECK), EMPTY) == (OK, "")


# ---- messages --------------------------------------------------------------------------------------------------------

MESSAGES = {
    "none": ([], INVALID, "ended before its message"),
    "empty data": ([b""], INVALID, "ended before its message"),
    "half a prefix": ([b"\0\0\0"], INVALID, "ended before its message"),
    "half a message": ([with_prefix(b"abc", length=10)], INVALID, "ended before its message"),
    "two messages": ([EMPTY + EMPTY], UNIMPLEMENTED, "one message"),
    "two messages in frames": ([EMPTY, EMPTY], UNIMPLEMENTED, "one message"),
    "a message and a half": ([EMPTY + b"\0"], UNIMPLEMENTED, "one message"),
    "compressed": ([with_prefix(b"x", compressed=1)], UNIMPLEMENTED, "compressed"),
    "another flag": ([with_prefix(b"x", compressed=2)], INVALID, "begin with 0"),
    "longer than may be": ([with_prefix(b"", length=256 * 1024 + 1)], EXHAUSTED, "larger than 262144"),
    "4 GB": ([with_prefix(b"x", length=0xFFFFFFFF)], EXHAUSTED, "larger than"),
    "no protobuf": ([with_prefix(b"\xff" * 20)], INVALID, "message is no"),
    "a length beyond the end": ([with_prefix(b"\x0a\xff\xff\xff\xff\x0f")], INVALID, "message is no"),
    "a group without end": ([with_prefix(b"\x0b\x0b\x0b")], INVALID, "message is no"),
    "HTTP/1.1 in it": ([b"GET / HTTP/1.1\r\n\r\n"], INVALID, "begin with 0"),
}


@pytest.mark.parametrize("frames,status,words", MESSAGES.values(), ids=MESSAGES)
def test_messages(port, frames, status, words):
    with RawHttp2(port) as raw:
        got, said = answer_to(raw, 1, request_headers(EXECUTE), *frames)
        assert got == status and words in said, (got, said)
        check(raw, 3)


def test_a_message_in_many_frames(port):
    data = with_prefix(message("executor.ExecuteRequest", language="cobol", code="1").SerializeToString())
    with RawHttp2(port) as raw:
        pieces = [data[i:i + 1] for i in range(len(data))]
        got, said = answer_to(raw, 1, request_headers(EXECUTE), *pieces)
        assert got == INVALID and said.startswith("language must be one of")


def test_a_refused_client_may_go_on_sending(port):
    with RawHttp2(port) as raw:
        raw.start(1, request_headers("/no/Method"))
        assert raw.status(1)[0] == UNIMPLEMENTED
        assert struct.unpack(">I", raw.until(RST_STREAM, 1)[3])[0] == NO_ERROR
        for _ in range(4):
            raw.data(1, b"\0" * 16000, 0)
        check(raw, 3)


HEADS = {
    "another method": ([(":method", "GET"), (":scheme", "http"), (":path", CHECK), (":authority", "x")], UNIMPLEMENTED),
    "no content type": ([pair for pair in request_headers(CHECK) if pair[0] != "content-type"], UNIMPLEMENTED),
    "JSON": ([pair if pair[0] != "content-type" else ("content-type", "application/json") for pair in request_headers(CHECK)],
             UNIMPLEMENTED),
    "a wrong deadline": (request_headers(CHECK, grpc_timeout="soon"), INVALID),
    "a deadline of too many digits": (request_headers(CHECK, grpc_timeout="123456789S"), INVALID),
    "17 KB of headers": (request_headers(CHECK, x_big="v" * 17000), EXHAUSTED),
    "200 headers": (request_headers(CHECK, **{f"x_{i}": "v" for i in range(200)}), EXHAUSTED),
    "a wrong key for idempotency": (request_headers(EXECUTE, idempotency_key="k" * 256), INVALID),
}


@pytest.mark.parametrize("headers,status", HEADS.values(), ids=HEADS)
def test_heads(port, headers, status):
    data = program() if dict(headers)[":path"] == EXECUTE else EMPTY
    with RawHttp2(port) as raw:
        block = header_block(headers)
        raw.send(raw.frame(HEADERS, 0, 1, block[:10000]))
        raw.send(raw.frame(CONTINUATION, END_HEADERS, 1, block[10000:]))
        raw.data(1, data)
        assert raw.status(1)[0] == status
        check(raw, 3)


INVALID_HEADS = {
    "an upper-case name": [*request_headers(CHECK), ("X-Upper", "v")],
    "a connection header": [*request_headers(CHECK), ("connection", "close")],
    "no path": [pair for pair in request_headers(CHECK) if pair[0] != ":path"],
    "two paths": [(":path", CHECK), *request_headers(CHECK)],
    "a line break in a value": [*request_headers(CHECK), ("x", "a\r\nb")],
    "a NUL in a value": [*request_headers(CHECK), ("x", "a\0b")],
}


@pytest.mark.parametrize("headers", INVALID_HEADS.values(), ids=INVALID_HEADS)
def test_heads_that_are_no_http(port, headers):
    """The stream is reset, the connection goes on."""
    with RawHttp2(port) as raw:
        raw.start(1, headers)
        assert struct.unpack(">I", raw.until(RST_STREAM, 1)[3])[0] == PROTOCOL_ERROR
        check(raw, 3)


def test_a_deadline_ends_the_wait(port):
    with RawHttp2(port) as raw:
        got, said = answer_to(raw, 1, request_headers(EXECUTE, grpc_timeout="300m"), program())
        assert got == DEADLINE and re.search(r"GET /job/python-[0-9a-f-]{36} has its result later", said)
        got, said = answer_to(raw, 3, request_headers(EXECUTE, grpc_timeout="1n"), program())
        assert got == DEADLINE
        raw.start(5, request_headers(WATCH, grpc_timeout="1S"))
        raw.data(5, EMPTY)
        assert raw.status(5)[0] == DEADLINE


# ---- connections -----------------------------------------------------------------------------------------------------

BEGINNINGS = {
    "HTTP/1.1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40,
    "zeroes": b"\0" * 4096,
    "a preface that ends wrongly": PREFACE[:-2] + b"xx",
    "no settings": PREFACE + RawHttp2.frame(PING, 0, 0, b"12345678"),
    "a frame that is too large": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + b"\xff\xff\xff\0\0\0\0\0\1",
    "settings of a wrong size": PREFACE + RawHttp2.frame(SETTINGS, 0, 0, b"12345"),
    "data on no stream": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + RawHttp2.frame(DATA, 0, 0, b"x"),
    "an even stream": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + RawHttp2.frame(HEADERS, END_HEADERS, 2, header_block(request_headers())),
    "headers that HPACK refuses": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + RawHttp2.frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff"),
    "a window that overflows": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + RawHttp2.frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    "100 settings in a frame": PREFACE + RawHttp2.frame(SETTINGS, 0, 0, b"\0\4\0\0\0\1" * 100),
    "another frame between headers": PREFACE + RawHttp2.frame(SETTINGS, 0, 0) + RawHttp2.frame(HEADERS, 0, 1, b"") + RawHttp2.frame(PING, 0, 0, b"12345678"),
}


@pytest.mark.parametrize("data", BEGINNINGS.values(), ids=BEGINNINGS)
def test_what_is_no_http2_ends(port, data):
    with RawHttp2(port, hello=False) as raw:
        raw.send(data)
        assert raw.ended() != NO_ERROR


def test_who_says_nothing_more_is_let_go(hasty_port):
    hello = PREFACE + RawHttp2.frame(SETTINGS, 0, 0)
    silent = []
    for data in (b"", PREFACE[:10], PREFACE, hello, hello + RawHttp2.frame(HEADERS, 0, 1, b"")):
        silent.append(RawHttp2(hasty_port, hello=False))
        silent[-1].send(data)
    for raw in silent:
        with raw:
            raw.ended()


def test_slow_senders(hasty_port):
    listing = message("grpc.reflection.v1.ServerReflectionRequest", list_services="").SerializeToString()
    slow = {1: (EXECUTE, b""), 3: (EXECUTE, b"\0\0"), 5: (EXECUTE, with_prefix(b"x", length=9)),
            7: (REFLECT.format("v1"), b"\0"), 9: (REFLECT.format("v1"), with_prefix(listing))}
    with RawHttp2(hasty_port) as raw:
        raw.send(b"".join(raw.frame(HEADERS, END_HEADERS, stream, header_block(request_headers(path))) +
                          raw.frame(DATA, 0, stream, data) for stream, (path, data) in slow.items()))
        ended = {stream: (status, words) for stream, status, words in (raw.next_status() for _ in slow)}
        assert ended.pop(9) == (DEADLINE, "nothing more came")
        assert ended == {stream: (DEADLINE, "the request did not arrive in time") for stream in (1, 3, 5, 7)}
        check(raw, 11)


def test_half_closed_connections(port):
    with RawHttp2(port) as raw:
        raw.start(1, request_headers(EXECUTE))
        raw.socket.shutdown(1)
        assert raw.ended() is None


# ---- floods ----------------------------------------------------------------------------------------------------------

def test_more_calls_than_a_connection_may_have(port):
    """Those beyond are refused, each by itself; the others wait."""
    with RawHttp2(port) as raw:
        raw.until(SETTINGS)
        for stream in range(1, 301, 2):
            raw.start(stream, request_headers(EXECUTE))
        for stream in range(257, 301, 2):
            assert struct.unpack(">I", raw.until(RST_STREAM, stream)[3])[0] == REFUSED_STREAM


@pytest.mark.parametrize("kind,payload", [(RST_STREAM, b"\0\0\0\x08"), (WINDOW_UPDATE, b"\0\0\0\0")],
                         ids=["its own", "those that its faults make us send"])
def test_rapid_reset(port, kind, payload):
    """CVE-2023-44487: calls that are begun and reset, again and again; and the same by a frame that makes the server reset."""
    head = header_block(request_headers(EXECUTE))
    with RawHttp2(port) as raw:
        for first in range(1, 4001, 20):
            batch = b"".join(raw.frame(HEADERS, END_HEADERS, stream, head) + raw.frame(kind, 0, stream, payload)
                             for stream in range(first, first + 20, 2))
            if not raw.send(batch):
                break
        assert raw.ended() != NO_ERROR


@pytest.mark.parametrize("frame", [RawHttp2.frame(PING, 0, 0, b"12345678"), RawHttp2.frame(SETTINGS, 0, 0, b"\0\4\0\0\0\1")],
                         ids=["ping", "settings"])
def test_floods_by_who_does_not_read(port, frame):
    with RawHttp2(port) as raw:
        raw.socket.settimeout(20)
        sent = 0
        try:
            while sent < 64 << 20 and raw.send(frame * 4096):
                sent += len(frame) * 4096
        except TimeoutError:
            pass  # nobody reads what we send any more
        assert sent < 64 << 20


def test_continuations_without_end(port):
    """CVE-2024-28182."""
    with RawHttp2(port) as raw:
        raw.send(raw.frame(HEADERS, 0, 1, header_block(request_headers(EXECUTE))))
        for number in range(2000):
            if not raw.send(raw.frame(CONTINUATION, 0, 1, b"\x00" + text(f"x-{number}") + text("v" * 100))):
                break
        assert raw.ended() != NO_ERROR


def test_empty_frames_without_end(hasty_port):
    """They keep no call alive."""
    with RawHttp2(hasty_port) as raw:
        raw.start(1, request_headers(EXECUTE))
        for _ in range(20000):
            if not raw.data(1, b"", 0):
                break
        assert raw.status(1)[0] == DEADLINE


def test_answers_that_nobody_reads(port):
    """A stream of answers is bounded, whatever windows the client gives."""
    request = with_prefix(message("grpc.reflection.v1.ServerReflectionRequest", file_by_filename="executor.proto").SerializeToString())
    with RawHttp2(port, settings=b"\0\4\0\0\0\0") as raw:  # no window at all
        raw.accept_settings()
        raw.start(1, request_headers(REFLECT.format("v1")))
        for _ in range(40):
            raw.data(1, request * 100, 0)
        raw.send(raw.frame(WINDOW_UPDATE, 0, 1, b"\0\x7f\xff\xff") + raw.frame(WINDOW_UPDATE, 0, 0, b"\0\x7f\xff\xff"))
        got, said = raw.status(1)
        assert got == EXHAUSTED and "unread" in said


def test_memory_for_messages_is_bounded(make_service):
    """The oldest that has not arrived goes when others need its room."""
    service = make_service(max_held_mb=1, max_body_kb=1024)
    half = with_prefix(b"x" * 200_000, length=1_000_000)  # within a stream's first window
    with RawHttp2(service.grpc_port()) as first, RawHttp2(service.grpc_port()) as second:
        for raw in (first, second):
            raw.accept_settings()
            for stream in (1, 3, 5):
                raw.start(stream, request_headers(EXECUTE))
                for at in range(0, len(half), 16000):
                    raw.data(stream, half[at:at + 16000], 0)
            if raw is first:
                check(raw, 7)  # what came before it on this connection has been read
        got, said = first.status(1)
        assert got == EXHAUSTED and "too much is being received" in said
    with GrpcClient(service.grpc_port()) as client:
        assert client.check() == 1


def test_connections_are_counted(make_service):
    service = make_service(max_connections=20)  # two of them gRPC's
    port = service.grpc_port()
    with RawHttp2(port) as first, RawHttp2(port) as second:
        check(first, 1)
        check(second, 1)
        with RawHttp2(port) as third:
            assert third.ended() is None
    wait_until(lambda: serves(port), "there is room again")


def serves(port):
    with RawHttp2(port) as raw:
        try:
            check(raw, 1)
            return True
        except AssertionError:
            return False


def test_the_end_tells_clients_to_go_elsewhere(make_service):
    service = make_service()
    with RawHttp2(service.grpc_port()) as raw:
        check(raw, 1)
        service.master.stop()
        assert raw.ended() == NO_ERROR
