"""A peer that resets before TLS began: an error, and no descriptor that stays open."""

import os
import select
import socket
import ssl
import struct
from collections.abc import Callable
from functools import partial

import pytest

from ctlctl.connectors.tls_socket import client_context
from ctlctl_lab.tlscontexts import lab_context

#: The kernel sends a reset when it closes this.
AT_ONCE = struct.pack("ii", 1, 0)


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    sock.close()


@pytest.mark.parametrize(
    "context",
    [client_context, partial(lab_context, ssl.PROTOCOL_TLS_SERVER), partial(lab_context, ssl.PROTOCOL_TLS_CLIENT)],
)
def test_no_descriptor_stays_open(context: Callable[[], ssl.SSLContext]) -> None:
    made = context()
    made.check_hostname = False
    is_server = made.protocol == ssl.PROTOCOL_TLS_SERVER
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        reset(theirs)
        number = ours.fileno()
        assert select.select([ours], [], [], 20)[0]
        with pytest.raises(ConnectionResetError) as caught:
            made.wrap_socket(ours, server_side=is_server, do_handshake_on_connect=False)
        # The error, and whatever hangs on it, is still there.
        assert caught.tb is not None
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
