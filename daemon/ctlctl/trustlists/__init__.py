"""Looking at, comparing, making and fetching trust lists."""
