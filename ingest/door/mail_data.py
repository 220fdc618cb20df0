"""Reads a mail's DATA in the network's pieces, and not line by line.

The receiver of lmtp.py gets the whole mail. The library's own reader takes a step for each line and
blocks the loop while lines are buffered, so that 1 MB of empty lines stopped the door for a second.
Source: RFC 5321, 4.5.2 (transparency); RFC 5321, 4.1.1.4 (DATA).
"""

from aiosmtpd.smtp import SMTP

_END = b"\r\n.\r\n"
_LINE_END = b"\r\n"
_ALL = 1 << 30  # more than any buffer holds


class WholeData(SMTP):
    """A connection that reads its mails in the pieces that the network brings."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Read a mail, hand it to the receiver, and answer."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        raw = await self._read_mail(self.data_size_limit or _ALL)
        if raw is None:
            status = "552 5.3.4 the mail is larger than this server takes"
        else:
            self.envelope.content = self.envelope.original_content = raw
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # the library's, untyped
        await self.push(status)

    async def _read_mail(self, limit: int) -> bytes | None:
        """Return a mail without its stuffed dots, or None when it is longer than `limit` bytes."""
        mail = bytearray(b"\r\n")  # a line end before the first line: it may be the lone dot
        try:
            return await self._read_into(mail, limit)
        finally:
            # A connection that ended within a mail stays in a cycle of references for long.
            mail.clear()

    async def _read_into(self, mail: bytearray, limit: int) -> bytes | None:
        searched, too_long = 0, False
        while (end := mail.find(_END, searched)) < 0:
            searched = max(0, len(mail) - len(_END) + 1)
            if searched > limit:
                # The rest has to be read too: the answer may come only after its end.
                too_long = True
                del mail[:searched]
                searched = 0
            length = len(mail)
            mail += await self._reader.read(_ALL)  # without a name: it would be kept as long
            if len(mail) == length:
                raise ConnectionResetError("the connection ended within a mail")
        if rest := bytes(mail[end + len(_END) :]):
            self._reader.feed_data(rest)  # commands that were sent without waiting
        if too_long or end > limit:
            return None
        del mail[end + len(_LINE_END) :]
        return bytes(mail.replace(b"\r\n.", b"\r\n"))[len(_LINE_END) :]
