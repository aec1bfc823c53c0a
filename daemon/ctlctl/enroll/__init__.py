"""Certificates that CAPF issues to applications: getting, keeping, renewing and deleting them."""
