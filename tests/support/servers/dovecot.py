"""Dovecot for tests: an IMAP server that has a mailbox for each user name."""

import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cli.up.ports import free_port
from tests.support.waiting import wait

_DOVECOT = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
default_login_user = {login}
default_internal_user = {login}
default_internal_group = {group}
first_valid_uid = 0
shutdown_clients = yes
mailbox_list_index = no
auth_failure_delay = 0
mail_location = maildir:{base}/mail/%u
mail_fsync = never
namespace inbox {{
  inbox = yes
  separator = /
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={base}/home/%u allow_all_users=yes
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


_BY_TOKEN = """
auth_mechanisms = plain login xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {base}/oauth2.conf
}}
"""


class Dovecot:
    """An IMAP server with one user for each name, password `secret`.

    With `tokens`, the address of a token server, users may log in by its tokens too.
    """

    program = shutil.which("dovecot", path="/usr/sbin:/usr/bin:/usr/local/sbin")

    def __init__(self, tokens: str = "") -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.base.chmod(0o755)
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.port = free_port()
        for name in ("mail", "home", "run", "state"):
            (self.base / name).mkdir()
            if os.geteuid() == 0 and name in ("mail", "home"):
                os.chown(self.base / name, user.pw_uid, user.pw_gid)
        self.conf = self.base / "dovecot.conf"
        if tokens:
            (self.base / "oauth2.conf").write_text(
                f"introspection_mode = get\nintrospection_url = {tokens}/introspect?token=\n"
                "username_attribute = user\nactive_attribute = active\nactive_value = yes\n"
            )
        self.conf.write_text(
            (_DOVECOT + (_BY_TOKEN if tokens else "")).format(
                base=self.base,
                login=user.pw_name,
                group=grp.getgrgid(user.pw_gid).gr_name,
                uid=user.pw_uid,
                gid=user.pw_gid,
                port=self.port,
            )
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Dovecot":
        """Start it and wait for its greeting."""
        assert self.program is not None
        self.process = subprocess.Popen(
            [self.program, "-F", "-c", str(self.conf)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

        def greets() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                    return connection.recv(100).startswith(b"* OK")
            except OSError:
                return False

        wait("Dovecot greets", greets)
        return self

    def kill(self) -> None:
        """End it at once with all its children; the mails stay."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def stop(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.base, ignore_errors=True)

    def doveadm(self, *words: str) -> str:
        """Run doveadm against it."""
        result = subprocess.run(
            ["doveadm", "-c", str(self.conf), *words], capture_output=True, text=True, check=True
        )
        return result.stdout

    def deliver(self, user: str, raw: bytes, mailbox: str = "") -> None:
        """Put a mail into a mailbox, as a mail server does: written aside, then moved in."""
        box = self.base / "mail" / user / mailbox
        name = f"{time.time_ns()}.{os.getpid()}.test"
        mail = box / "tmp" / name
        mail.write_bytes(raw)
        mail.chmod(0o644)
        mail.rename(box / "new" / name)

    def deliver_late(self, user: str, uid: int, raw: bytes) -> None:
        """Make a mail appear late, under a UID below the highest."""
        box = self.base / "mail" / user
        owner = box.stat()
        name = f"{time.time_ns()}.late.test"
        path = box / "cur" / f"{name}:2,"
        path.write_bytes(raw)
        os.chown(path, owner.st_uid, owner.st_gid)
        head, *rest = (box / "dovecot-uidlist").read_text().splitlines()
        rest.append(f"{uid} :{name}")
        rest.sort(key=lambda line: int(line.split()[0]))
        changed = box / "dovecot-uidlist.new"
        changed.write_text("\n".join([head, *rest]) + "\n")
        os.chown(changed, owner.st_uid, owner.st_gid)
        changed.rename(box / "dovecot-uidlist")
        for index in box.glob("dovecot.index*"):
            index.unlink()
