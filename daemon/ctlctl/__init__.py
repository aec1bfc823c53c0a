"""ctlctl: watches what phones of a Cisco Unified Communications Manager cluster trust.

The public interface is the command `ctlctl`, its exit codes and its JSON; this package is no library.
"""

__version__ = "0.1.0"
