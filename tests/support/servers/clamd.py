"""ClamAV for tests, with one signature of our own."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from cli.up.ports import free_port
from tests.support.waiting import wait


class Clamd:
    """ClamAV's daemon with one signature of our own: files that contain `SIGNATURE`."""

    program = shutil.which("clamd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    SIGNATURE = b"SANTRAL-TEST-VIRUS"

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="clamd-"))
        (self.base / "db").mkdir()
        self.base.chmod(0o755)
        (self.base / "db" / "own.ndb").write_text(f"Santral.Test:0:*:{self.SIGNATURE.hex()}\n")
        self.port = free_port()
        self.conf = self.base / "clamd.conf"
        self.conf.write_text(
            f"DatabaseDirectory {self.base}/db\nTCPSocket {self.port}\nTCPAddr 127.0.0.1\n"
            f"Foreground yes\nUser {pwd.getpwuid(os.geteuid()).pw_name}\nBytecode no\n"
            "StreamMaxLength 5M\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Clamd":
        """Start it and wait until it listens."""
        assert self.program is not None
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def listens() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                    connection.sendall(b"zPING\0")
                    return connection.recv(10).startswith(b"PONG")
            except OSError:
                return False

        wait("clamd answers", listens, 60)
        return self

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.base, ignore_errors=True)
