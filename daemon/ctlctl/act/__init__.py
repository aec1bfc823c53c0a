"""Security actions: what changes a cluster, who may have it changed, and the record of it."""
