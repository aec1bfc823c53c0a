"""The platform CLI of the lab's nodes: what an operator meets who logs in over SSH."""

from ctlctl_lab.shell.server import serve_ssh

__all__ = ["serve_ssh"]
