"""`rlvr demo`: verdicts over HTTP, then a small policy that learns from them through the whole platform."""
