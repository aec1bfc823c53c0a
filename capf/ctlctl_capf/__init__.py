"""CAPF, the Certificate Authority Proxy Function: messages, protocol machines, certificate policy.

Pure: bytes and an instant in, values and findings out. No file, socket, clock or log is touched here.
"""
