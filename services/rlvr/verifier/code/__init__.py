"""The `code` verifier: runs a candidate's program on inputs and judges its answers outside of its process."""
