"""Small datasets in the real formats, and a loopback server that can fail in many ways."""

import gzip
import hashlib
import io
import socket
import struct
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from sde.datasets.registry import SOURCES, DataFile

FAULTS = (
    "truncate",  # half of the announced bytes, then the end
    "short",  # half of the bytes, announced as all
    "unannounced",  # half of the bytes, of an unknown number
    "corrupt",  # one bit is wrong
    "drop",  # the connection is reset in the middle
    "stall",  # nothing comes after the middle
    "html",  # the log-in page of a hotel
    "404",
    "500",
)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        fault = self.server.faults.get(self.path)
        body = self.server.files[self.path]
        half = len(body) // 2
        if fault in ("404", "500"):
            self.send_error(int(fault))
            return
        if fault == "html":
            body = b"<html>Welcome! Room number, please.</html>"
        elif fault == "corrupt":
            body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
        elif fault in ("short", "unannounced"):
            body = body[:half]
        self.send_response(200)
        if fault != "unannounced":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:half] if fault in ("truncate", "drop", "stall") else body)
        if fault == "drop":  # closed with a reset instead of the usual end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif fault == "stall":
            self.server.released.wait(10)

    def finish(self):
        if self.connection.fileno() >= 0:  # else there is nothing to flush any more
            super().finish()

    def log_message(self, *_arguments):
        pass


class DataServer(ThreadingHTTPServer):
    """Serve `files` by path, with the fault of each path in `faults`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests = {}, {}, []
        self.released = threading.Event()

    def handle_error(self, *_arguments):  # the client hung up, as it should
        pass

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_error):
        self.released.set()
        self.shutdown()
        self.server_close()

    def publish(self, name, content):
        """Serve a file and return its record."""
        self.files[f"/{name}"] = content
        url = f"http://127.0.0.1:{self.server_port}/{name}"
        return DataFile(name, hashlib.sha256(content).hexdigest(), (url,))


def idx(array):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0)


def ucr(series, labels):
    lines = zip(labels, series, strict=True)
    text = "".join("\t".join([str(y), *map(repr, x)]) + "\n" for y, x in lines)
    return text.encode()


def tar(members):
    """Return a gzipped tar archive of (TarInfo or name, bytes) pairs."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def wheel(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def labelled(rng, m, n_classes, *shape):
    return rng.integers(0, 256, (m, *shape), dtype=np.uint8), rng.integers(0, n_classes, m)


def ecg5000(rng):
    """Return two files' contents, and the examples and labels of each."""
    parts = [
        (rng.standard_normal((m, 140)).round(7).tolist(), rng.integers(1, 6, m)) for m in (6, 9)
    ]
    files = [ucr(series, labels.tolist()) for series, labels in parts]
    return files, [(np.array(series), labels - 1) for series, labels in parts]


def mnist(rng):
    parts = [labelled(rng, m, 10, 28, 28) for m in (20, 8)]
    return [idx(array) for part in parts for array in part], parts


def cifar(rng, n_classes, n_labels, members):
    folder = tarfile.TarInfo(members[0].split("/")[0])
    folder.type = tarfile.DIRTYPE
    batches = [labelled(rng, 7, n_classes, 3, 32, 32) for _ in members]
    contents = [
        b"".join(bytes([99] * (n_labels - 1) + [y]) + x.tobytes() for x, y in zip(*b, strict=True))
        for b in batches
    ]
    readme = (f"{folder.name}/readme.html", b"<html></html>")
    archive = tar([(folder, b""), readme, *zip(members, contents, strict=True)])
    train = tuple(np.concatenate(arrays) for arrays in zip(*batches[:-1], strict=True))
    return [archive], [train, batches[-1]]


CIFAR10 = [
    *(f"cifar-10-batches-bin/data_batch_{k}.bin" for k in range(1, 6)),
    "cifar-10-batches-bin/test_batch.bin",
]
CIFAR100 = ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"]
MAKERS = {
    "ecg5000": ecg5000,
    "mnist": mnist,
    "fashion-mnist": mnist,
    "cifar10": lambda rng: cifar(rng, 10, 1, CIFAR10),
    "cifar100": lambda rng: cifar(rng, 100, 2, CIFAR100),
}


def publish(server, name, seed=0):
    """Serve a small copy of a dataset; return its source, its files and its examples."""
    source = SOURCES[name]
    contents, examples = MAKERS[name](np.random.default_rng(seed))
    files = tuple(
        replace(server.publish(file.name, content), urls=(), member=file.member)
        if file.member
        else replace(server.publish(f"{name}/{file.name}", content), name=file.name)
        for file, content in zip(source.files, contents, strict=True)
    )
    archive = source.archive
    if archive is not None:
        pairs = zip(files, contents, strict=True)
        packed = wheel({"other.txt": b"1"} | {file.member: content for file, content in pairs})
        archive = replace(server.publish(archive.name, packed), name=archive.name)
    return replace(source, files=files, archive=archive), contents, examples
