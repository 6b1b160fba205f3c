"""Runs: what is to be sampled, what becomes of it, and which version of a policy is the current one."""
