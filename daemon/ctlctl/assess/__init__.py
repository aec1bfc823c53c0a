"""From what was seen to findings: pure, one instant given from outside."""
