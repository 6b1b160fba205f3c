"""The platform on one machine: Redis and every room as child processes of one launcher (`rlvr up`)."""
