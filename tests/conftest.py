"""Settings of hypothesis for all tests."""

import os

from hypothesis import HealthCheck, settings

# Nothing here is timed: a slow machine must not make a test fail. And what is tried is the same each time, so that a
# run fails for what was changed, not for what it finds by chance; `make soak` looks further.
settings.register_profile(
    "ctlctl",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CTLCTL_EXPLORE" not in os.environ,
)
settings.load_profile("ctlctl")
