"""gRPC to a Sentinel: python3-grpcio for what is well-formed, HTTP/2 frames by hand for what no library would send. Messages are
made from what proto/ compiled to."""

import socket
import struct

import grpc
import hpack
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import service as harness
from scale import SCALE

EXECUTE, HEALTH = "/executor.CodeExecutor/Execute", "/executor.CodeExecutor/Health"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.{}.ServerReflection/ServerReflectionInfo"
PATIENCE = 60 * SCALE


def pool_of(files):
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    return pool


def message_class(pool, name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


POOL = pool_of(descriptor_pb2.FileDescriptorSet.FromString(
    (harness.build_dir() / "proto/descriptors.bin").read_bytes()).file)


def message(name, **fields):
    return message_class(POOL, name)(**fields)


class GrpcClient:
    def __init__(self, port, token=None):
        self.port = port
        # No proxy of the environment's, no retries: what the server says is what the test sees.
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [
            ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1)])
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def close(self):
        self.channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def unary(self, path, answer):
        return self.channel.unary_unary(path, lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
                                        message_class(POOL, answer).FromString)

    def execute(self, timeout=PATIENCE, metadata=(), **fields):
        return self.unary(EXECUTE, "executor.ExecuteResponse")(
            message("executor.ExecuteRequest", **fields), timeout=timeout, metadata=[*self.metadata, *metadata])

    def execute_later(self, timeout=PATIENCE, **fields):
        return self.unary(EXECUTE, "executor.ExecuteResponse").future(
            message("executor.ExecuteRequest", **fields), timeout=timeout, metadata=self.metadata)

    def health(self, metadata=()):
        return self.unary(HEALTH, "executor.HealthResponse")(b"", timeout=PATIENCE, metadata=[*self.metadata, *metadata])

    def check(self, service=""):
        return self.unary(CHECK, "grpc.health.v1.HealthCheckResponse")(
            message("grpc.health.v1.HealthCheckRequest", service=service), timeout=PATIENCE).status

    def watch(self, service=""):
        return self.channel.unary_stream(WATCH, lambda m: m.SerializeToString(),
                                         message_class(POOL, "grpc.health.v1.HealthCheckResponse").FromString)(
            message("grpc.health.v1.HealthCheckRequest", service=service), timeout=PATIENCE)

    def reflect(self, *requests, version="v1", metadata=()):
        """The responses to requests, which are dictionaries of one field."""
        package = f"grpc.reflection.{version}"
        call = self.channel.stream_stream(REFLECT.format(version), lambda m: m.SerializeToString(),
                                          message_class(POOL, f"{package}.ServerReflectionResponse").FromString)
        return list(call(iter([message(f"{package}.ServerReflectionRequest", **request) for request in requests]),
                         timeout=PATIENCE, metadata=[*self.metadata, *metadata]))


# ---- frames by hand --------------------------------------------------------------------------------------------------

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def text(value):
    value = value.encode() if isinstance(value, str) else value
    size = bytes([len(value)]) if len(value) < 127 else b"\x7f" + varint(len(value) - 127)
    return size + value


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def header_block(pairs):
    """HPACK without its table and its Huffman code: each a literal that is not indexed."""
    return b"".join(b"\x00" + text(name) + text(value) for name, value in pairs)


def request_headers(path=EXECUTE, **more):
    return [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "sentinel"), ("te", "trailers"),
            ("content-type", "application/grpc"), *((name.replace("_", "-"), value) for name, value in more.items())]


def with_prefix(data, compressed=0, length=None):
    return struct.pack(">BI", compressed, len(data) if length is None else length) + data


class RawHttp2:
    """One connection. What comes is read frame by frame: (type, flags, stream, payload)."""

    def __init__(self, port, settings=b"", hello=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.received = b""
        self.decoder = hpack.Decoder()
        if hello:
            self.send(PREFACE + self.frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def send(self, data):
        """False: the other side has closed."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def start(self, stream, headers=None, flags=END_HEADERS):
        return self.send(self.frame(HEADERS, flags, stream, header_block(headers or request_headers())))

    def data(self, stream, payload, flags=END_STREAM):
        return self.send(self.frame(DATA, flags, stream, payload))

    def _read(self, count):
        while len(self.received) < count:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.received += more
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def next_frame(self):
        """None: the connection ended."""
        head = self._read(9)
        if head is None:
            return None
        payload = self._read(int.from_bytes(head[:3], "big"))
        if payload is None:
            return None
        if head[3] == HEADERS:  # each must be decoded: they share a table
            payload = dict(self.decoder.decode(payload))
        return head[3], head[4], struct.unpack(">I", head[5:])[0], payload

    def until(self, kind, stream=0):
        """The next frame of that kind on that stream; AssertionError when the connection ends before."""
        while True:
            frame = self.next_frame()
            assert frame, f"the connection ended before a frame of type {kind}"
            if frame[0] == kind and frame[2] == stream:
                return frame

    def accept_settings(self):
        """What the server allows counts from here on: before, HTTP/2's own windows do."""
        self.until(SETTINGS)
        self.send(self.frame(SETTINGS, ACK, 0))

    def next_headers(self):
        """(stream, {name: value}) of the next block of headers, whatever stream it is of."""
        while True:
            frame = self.next_frame()
            assert frame, "the connection ended before headers came"
            if frame[0] == HEADERS:
                return frame[2], frame[3]

    def next_status(self):
        """(stream, grpc-status, grpc-message) of the next stream that ends."""
        while True:
            stream, headers = self.next_headers()
            if "grpc-status" in headers:
                return stream, int(headers["grpc-status"]), headers.get("grpc-message", "")

    def status(self, stream):
        """(grpc-status, grpc-message) at the end of a stream, which must be the next to end."""
        found, status, words = self.next_status()
        assert found == stream, (found, status, words)
        return status, words

    def ended(self):
        """Reads to the end of the connection; the error code of the last GOAWAY, or None."""
        code = None
        while True:
            frame = self.next_frame()
            if frame is None:
                return code
            if frame[0] == GOAWAY:
                code = struct.unpack(">I", frame[3][4:8])[0]
