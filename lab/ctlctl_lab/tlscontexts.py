"""TLS contexts for what a port presents now: made once for each certificate, kept for as long as it is presented."""

import errno
import os
import ssl
import warnings
from functools import lru_cache
from threading import Lock
from typing import Any

from ctlctl_lab.model import Identity
from ctlctl_lab.pki import certificate_pem, key_pem

#: Contexts of nodes; a dozen nodes with five certificates each, and some generations of them.
_NODE_CONTEXTS = 256
#: Contexts of phones; a sweep passes over each once.
_PHONE_CONTEXTS = 64
#: Which warnings are shown is one setting for all threads.
_QUIET = Lock()


class LabSocket(ssl.SSLSocket):
    """A connection that is not left open when its peer is gone as soon as it came (so `ssl`, until Python 3.12)."""

    def getpeername(self) -> Any:  # noqa: ANN401 - as the library has it
        """Return the peer's address, which wrapping a connection begins with; close it where there is no peer."""
        try:
            return super().getpeername()
        except OSError as gone:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from gone


def lab_context(protocol: int) -> ssl.SSLContext:
    """Return a new context whose connections are `LabSocket`."""
    context = ssl.SSLContext(protocol)
    context.sslsocket_class = LabSocket
    return context


@lru_cache(maxsize=_NODE_CONTEXTS)
def node_context(identity: Identity) -> ssl.SSLContext:
    """Return the context of a node's port: TLS 1.2 and what is newer."""
    context = lab_context(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, key_pem(identity.key) + certificate_pem(identity.der))
    return context


@lru_cache(maxsize=_PHONE_CONTEXTS)
def phone_context(pem: bytes, *, tls10_only: bool) -> ssl.SSLContext:
    """Return the context of a phone's page.

    Args:
        pem: its key and certificate.
        tls10_only: whether it speaks nothing newer than TLS 1.0, as all of the 7900 series.
    """
    context = lab_context(ssl.PROTOCOL_TLS_SERVER)
    if tls10_only:
        # Such phones sign with SHA-1 and small keys, which only the lowest security level admits.
        context.set_ciphers("ALL:@SECLEVEL=0")
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    else:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    _load(context, pem)
    return context


@lru_cache(maxsize=_NODE_CONTEXTS)
def old_phones_context(identity: Identity) -> ssl.SSLContext:
    """Return the context of CAPF's and TVS's port: TLS 1.0 and newer, for the 7900 series.

    Client certificates are not asked for: CAPF has its own proof inside, and whether TVS wants one is not known.
    """
    context = lab_context(ssl.PROTOCOL_TLS_SERVER)
    # Plain RSA key exchange, as soft clients use it, and nothing without a certificate.
    context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
    _from_tls10(context)
    # One operation a connection: nobody comes back with a ticket.
    context.num_tickets = 0
    _load(context, key_pem(identity.key) + certificate_pem(identity.der))
    return context


@lru_cache(maxsize=2)
def phone_client_context(*, tls10_only: bool) -> ssl.SSLContext:
    """Return the context with which phones connect; what is presented to them they judge themselves, by their lists."""
    context = lab_context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if tls10_only:
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
        _from_tls10(context)
        with _QUIET, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.maximum_version = ssl.TLSVersion.TLSv1
    else:
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def _from_tls10(context: ssl.SSLContext) -> None:
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    # `ssl` reads keys from files only; this one is memory that no other process can open by a name.
    descriptor = os.memfd_create("lab", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
