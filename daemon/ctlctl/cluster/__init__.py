"""A configured cluster: adding one, listing them, and finding out what works with it."""
