"""Fetching a file over TFTP: UDP around the machine of `tftp_protocol`.

The server is pinned: first to its address, then, with its first good reply, to the port that it chose for this
transfer (its transfer identifier, RFC 1350 section 4). The socket is therefore never connected: a connected one
would not hear that first reply, nor could it answer a stray packet.
"""

import errno
import math
import os
import select
import socket
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ctlctl.connectors.network import Address, Deadline, SocketAddress, reason_of, resolve
from ctlctl.connectors.ports import FetchError, FetchFault, FetchLimits, FetchTarget, join_endpoint
from ctlctl.connectors.tftp_packets import Error, ErrorCode, Opcode, encode
from ctlctl.connectors.tftp_protocol import Completed, ReadClient, State, TftpError

# Bytes: more than any UDP datagram holds, so an overlong block is seen as such instead of being cut to size.
_DATAGRAM_BYTES: Final = 65536
# Strangers that are told off in one transfer. A server that got the request twice starts two transfers; a
# flood is not worth answering.
_MAX_STRANGERS_ANSWERED: Final = 8
# Tries to send one datagram while the kernel reports errors of earlier ones instead of sending it.
_MAX_SEND_TRIES: Final = 4

# linux/in.h, linux/in6.h: hand ICMP errors over with the address they are about. Python's socket module does
# not name them before 3.14.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
# linux/errqueue.h: struct sock_extended_err begins with the error number.
_EXTENDED_ERROR: Final = struct.Struct("=I")
# Bytes of ancillary data: that struct (16) and the address of who reported it (28), with room to spare.
_ANCILLARY_BYTES: Final = 256
# What ends a transfer when it is about our server. Others (a router that knows a smaller MTU) do not.
_FATAL_ERRORS: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM})

_NO_ANSWER_ADVICE: Final = (
    "Check that UDP port 69 and the replies from high ports pass the firewall and that the Cisco Tftp service "
    "runs there, or try http:// (port 6970)"
)


def fetch_tftp(target: FetchTarget, limits: FetchLimits) -> bytes:
    """Get the whole file.

    Args:
        target: The file.
        limits: Bytes, seconds, block size and retransmissions.

    Returns:
        The bytes of the file.

    Raises:
        FetchError: The file could not be had whole.
    """
    deadline = Deadline(limits.deadline_seconds)
    addresses = resolve(target, socket.SOCK_DGRAM)
    try:
        for index, address in enumerate(addresses[:-1]):
            transfer = _Transfer(target, limits, address, deadline)
            try:
                return transfer.run(deadline.share(len(addresses) - index))
            except FetchError:
                # Another address of the host is worth a try only where this one kept silent.
                if transfer.was_answered:
                    raise
        return _Transfer(target, limits, addresses[-1], deadline).run(deadline.remaining())
    except TimeoutError:
        detail = f"no answer came in {limits.deadline_seconds:g} seconds"
        raise _fault(target, FetchFault.TIMEOUT, detail, _NO_ANSWER_ADVICE) from None


def _fault(target: FetchTarget, fault: FetchFault, detail: str, advice: str = "") -> FetchError:
    return FetchError(fault, endpoint=target.endpoint, name=target.name, detail=detail, advice=advice)


class _Transfer:
    """One file from one address: with options, and without them where the server refuses any."""

    def __init__(self, target: FetchTarget, limits: FetchLimits, address: Address, deadline: Deadline) -> None:
        self._target = target
        self._limits = limits
        self._address = address
        self._deadline = deadline
        self._stranger = ""
        self.was_answered = False

    def run(self, patience: float) -> bytes:
        """Get the file; `patience` is the time for a first answer, in seconds.

        Raises:
            FetchError: It could not be had from here.
            TimeoutError: There was no time left to begin.
        """
        try:
            try:
                return self._attempt(patience, offer_options=True)
            except TftpError as error:
                if error.server_code != ErrorCode.OPTION_REFUSED:
                    raise
            return self._attempt(patience, offer_options=False)
        except TftpError as error:
            detail, advice = error.detail, ""
            if error.fault is FetchFault.TIMEOUT and self._stranger:
                detail += f"; packets from {self._stranger} were ignored, only the address that was asked may answer"
            if error.fault is FetchFault.TIMEOUT and not self.was_answered:
                advice = _NO_ANSWER_ADVICE
            raise _fault(self._target, error.fault, detail, advice) from None

    def _attempt(self, patience: float, *, offer_options: bool) -> bytes:
        now = time.monotonic()
        limits = replace(self._limits, deadline_seconds=self._deadline.remaining())
        client = ReadClient(self._target.name, limits, now, offer_options=offer_options)
        try:
            with socket.socket(self._address.family, socket.SOCK_DGRAM) as sock:
                conversation = _Conversation(sock, client, self._address.sockaddr, now + patience)
                try:
                    return conversation.run()
                finally:
                    self.was_answered |= conversation.was_answered
                    self._stranger = conversation.stranger
        except OSError as error:
            raise TftpError(FetchFault.UNREACHABLE, f"no packet can be sent ({reason_of(error)})") from None


class _Conversation:
    """Carries datagrams between one socket and one machine."""

    def __init__(self, sock: socket.socket, client: ReadClient, server: SocketAddress, answer_by: float) -> None:
        sock.settimeout(0)
        _ask_for_icmp(sock)
        self._sock = sock
        self._client = client
        self._peer = server
        self._is_pinned = False
        self._answer_by = answer_by
        self._strangers_answered = 0
        self.stranger = ""
        self.was_answered = False

    def run(self) -> bytes:
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        while True:
            now = time.monotonic()
            if not self.was_answered and now >= self._answer_by:
                raise TftpError(FetchFault.TIMEOUT, "no answer came")
            try:
                self._client.handle_timer(now)
            finally:
                self._flush(self._peer)
            if not poller.poll(self._wait_ms(now)):
                continue
            try:
                datagram, source = self._sock.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                self._heed_icmp()
                continue
            except OSError:
                if not self._heed_icmp():
                    raise
                continue
            content = self._hear(datagram, source)
            if content is not None:
                return content

    def _wait_ms(self, now: float) -> int:
        timer = self._client.next_timer()
        until = now if timer is None else timer
        if not self.was_answered:
            until = min(until, self._answer_by)
        return max(0, math.ceil(1000 * (until - now)))

    def _hear(self, datagram: bytes, source: SocketAddress) -> bytes | None:
        if _host(source) != _host(self._peer):
            self.stranger = source[0]
            return None
        if self._is_pinned and source[1] != self._peer[1]:
            self._tell_off(datagram, source)
            return None
        self.was_answered = True
        try:
            events = self._client.receive(datagram, time.monotonic())
        except TftpError:
            with suppress(TftpError, OSError):
                self._flush(source)
            raise
        if not self._is_pinned and self._client.state is not State.REQUESTED:
            self._is_pinned = True
            self._peer = source
        self._flush(source)
        return next((event.content for event in events if isinstance(event, Completed)), None)

    def _tell_off(self, datagram: bytes, source: SocketAddress) -> None:
        """Tell another port of the server that it has no part in this transfer (RFC 1350 section 4)."""
        # Errors are never answered, or two programs could tell each other off for ever.
        is_error = datagram[:2] == Opcode.ERROR.to_bytes(2, "big")
        if not is_error and self._strangers_answered < _MAX_STRANGERS_ANSWERED:
            self._strangers_answered += 1
            self._send(encode(Error(ErrorCode.UNKNOWN_TRANSFER, "not a transfer of mine")), source)

    def _flush(self, to: SocketAddress) -> None:
        for datagram in self._client.datagrams_to_send():
            self._send(datagram, to)

    def _send(self, datagram: bytes, to: SocketAddress) -> None:
        for _ in range(_MAX_SEND_TRIES):
            try:
                self._sock.sendto(datagram, to)
            except BlockingIOError:
                return  # no room for it: as good as lost on the way, and repeated like that
            except OSError:
                # The kernel reports an earlier datagram's error instead of sending this one, so try again;
                # where nothing is reported the error is this datagram's own.
                if not self._heed_icmp():
                    raise
            else:
                return

    def _heed_icmp(self) -> bool:
        """Read what the network reported about datagrams we sent.

        Returns:
            Whether there was any report; all were about strangers, or harmless.

        Raises:
            TftpError: The network cannot deliver to our server.
        """
        found = False
        while sys.platform == "linux":
            try:
                _, ancillary, _, about = self._sock.recvmsg(0, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                break
            found = True
            for _, kind, data in ancillary:
                if kind not in {_IP_RECVERR, _IPV6_RECVERR} or len(data) < _EXTENDED_ERROR.size:
                    continue
                (number,) = _EXTENDED_ERROR.unpack_from(data)
                if number in _FATAL_ERRORS and (_host(about), about[1]) == (_host(self._peer), self._peer[1]):
                    where = join_endpoint(about[0], about[1])
                    raise TftpError(FetchFault.UNREACHABLE, f"{where} cannot be reached ({os.strerror(number)})")
        return found


def _ask_for_icmp(sock: socket.socket) -> None:
    """Have the kernel say when nobody listens there; without, that shows as silence until the deadline."""
    if sys.platform == "linux":
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def _host(address: SocketAddress) -> tuple[str, int]:
    """The address without port; for IPv6 with its scope, which the text may repeat after a percent sign."""
    return address[0].partition("%")[0], address[3] if len(address) == 4 else 0
