"""Where observations and findings are kept."""
