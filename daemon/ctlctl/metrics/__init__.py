"""What Prometheus scrapes: counted when something is assessed, never when it asks."""
