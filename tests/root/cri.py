# SPDX-License-Identifier: MIT
"""A client of the container runtime interface: what the kubelet says to containerd, and its streams (exec, attach, port-forward)."""
import base64
import importlib
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))

# Call: (message asked, message answered); calls of a container or a pod alone share a message, as their field is the same.
CALLS = {
    "Version": ("VersionRequest", "VersionResponse"), "Status": ("StatusRequest", "StatusResponse"),
    "RunPodSandbox": ("RunPodSandboxRequest", "RunPodSandboxResponse"), "StopPodSandbox": ("PodSandboxRequest", "Empty"),
    "RemovePodSandbox": ("PodSandboxRequest", "Empty"), "PodSandboxStatus": ("PodSandboxRequest", "PodSandboxStatusResponse"),
    "PodSandboxStats": ("PodSandboxRequest", "PodSandboxStatsResponse"),
    "CreateContainer": ("CreateContainerRequest", "CreateContainerResponse"), "StartContainer": ("ContainerRequest", "Empty"),
    "StopContainer": ("StopContainerRequest", "Empty"), "RemoveContainer": ("ContainerRequest", "Empty"),
    "ContainerStatus": ("ContainerRequest", "ContainerStatusResponse"),
    "ContainerStats": ("ContainerRequest", "ContainerStatsResponse"), "ReopenContainerLog": ("ContainerRequest", "Empty"),
    "UpdateContainerResources": ("UpdateContainerResourcesRequest", "Empty"), "ExecSync": ("ExecSyncRequest", "ExecSyncResponse"),
    "Exec": ("ExecRequest", "StreamResponse"), "Attach": ("AttachRequest", "StreamResponse"),
    "PortForward": ("PortForwardRequest", "StreamResponse"),
}


def load(work):
    """The module of the messages, made from cri.proto. Import errors are the caller's: a test is skipped then."""
    if work not in sys.path:
        subprocess.run(["protoc", "-I", HERE, "--python_out", work, os.path.join(HERE, "cri.proto")], check=True)
        sys.path.insert(0, work)
    return importlib.import_module("cri_pb2")


class Error(Exception):
    def __init__(self, call, code, text):
        super().__init__("%s: %s: %s" % (call, code, text))
        self.code, self.text = code, text


class Client:
    """Each call is a method: client.StopContainer(container_id=…, timeout=…) gives the answer's message."""

    def __init__(self, work, address):
        import grpc
        self.grpc, self.pb, self.address = grpc, load(work), address
        self.connect()

    def connect(self):
        """Once more after containerd was started again: an old channel waits ever longer before it tries."""
        self.channel = self.grpc.insecure_channel("unix://" + self.address)
        end = time.monotonic() + 20
        while True:
            try:
                return self.Status()
            except Error as e:
                if "not initialized" not in e.text or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def __getattr__(self, name):
        if name not in CALLS and name != "ImageStatus":
            raise AttributeError(name)
        asked, answered = CALLS.get(name, ("ImageStatusRequest", "ImageStatusResponse"))
        service = "ImageService" if name == "ImageStatus" else "RuntimeService"
        call = self.channel.unary_unary("/runtime.v1.%s/%s" % (service, name),
                                        request_serializer=lambda m: m.SerializeToString(),
                                        response_deserializer=getattr(self.pb, answered).FromString)

        def ask(message=None, within=60, **fields):
            try:
                return call(message or getattr(self.pb, asked)(**fields), timeout=within, wait_for_ready=True)
            except self.grpc.RpcError as e:
                raise Error(name, e.code().name, e.details()) from None
        return ask

    def exec_sync(self, id, *argv, timeout=20):
        """(status, standard output, standard error) of a command in a container."""
        r = self.ExecSync(container_id=id, cmd=argv, timeout=timeout)
        return r.exit_code, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")

    def state(self, id):
        s = self.ContainerStatus(container_id=id).status
        return self.pb.ContainerState.Name(s.state)[len("CONTAINER_"):], s.exit_code, s.reason

    def stream(self, url, protocol="v4.channel.k8s.io"):
        return Stream(url, protocol)


class Stream:
    """A WebSocket of the streaming server. A frame's first byte is its channel: 0 input, 1 output, 2 errors, 3 the end, 4 size.

    Of a port-forward channel 2N is data of the N-th port and 2N+1 its errors; the first frame of each holds the port's number."""

    def __init__(self, url, protocol):
        u = urllib.parse.urlsplit(url)
        self.s = socket.create_connection((u.hostname, u.port), 20)
        self.pending = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.s.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n"
                        % (u.path + ("?" + u.query if u.query else ""), u.netloc, key, protocol)).encode())
        while b"\r\n\r\n" not in self.pending:
            self.more()
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Error("stream", "refused", head.decode(errors="replace"))

    def more(self):
        got = self.s.recv(65536)
        if not got:
            raise EOFError
        self.pending += got

    def take(self, n):
        while len(self.pending) < n:
            self.more()
        got, self.pending = self.pending[:n], self.pending[n:]
        return got

    def send(self, channel, data):
        data = bytes([channel]) + data
        mask = os.urandom(4)
        size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.s.sendall(b"\x82" + size + mask + bytes(c ^ mask[i & 3] for i, c in enumerate(data)))

    def write(self, data):
        for at in range(0, len(data), 8192):
            self.send(0, data[at:at + 8192])

    def resize(self, rows, columns):
        self.send(4, json.dumps({"Width": columns, "Height": rows}).encode())

    def frame(self):
        """(channel, data), or None at the end."""
        try:
            while True:
                kind, size = self.take(2)
                size &= 0x7f
                if size == 126:
                    size, = struct.unpack(">H", self.take(2))
                elif size == 127:
                    size, = struct.unpack(">Q", self.take(8))
                data = self.take(size)
                if kind & 15 == 8:
                    return None
                if kind & 15 in (1, 2) and data:
                    return data[0], data[1:]
        except (EOFError, ConnectionError, socket.timeout):
            return None

    def until(self, text, seconds=20):
        """Output up to and with a text."""
        seen, end = b"", time.monotonic() + seconds
        while text not in seen:
            f = self.frame()
            if f is None or time.monotonic() > end:
                raise AssertionError("no %r in %r" % (text, seen))
            if f[0] in (1, 2):
                seen += f[1]
        return seen

    def rest(self):
        """(output, errors, end) up to the end; end is the status that channel 3 tells, "" if it told none."""
        seen = {1: b"", 2: b"", 3: b""}
        while True:
            f = self.frame()
            if f is None:
                break
            if f[0] in seen:
                seen[f[0]] += f[1]
        return seen[1], seen[2], self.end_status(seen[3])

    @staticmethod
    def end_status(text):
        if not text:
            return ""
        try:
            word = json.loads(text)
        except ValueError:
            return text.decode(errors="replace")
        if word.get("status") == "Success":
            return "0"
        causes = (word.get("details") or {}).get("causes") or []
        return causes[0]["message"] if causes and causes[0].get("reason") == "ExitCode" else word.get("message", "?")

    def close(self):
        self.s.close()
