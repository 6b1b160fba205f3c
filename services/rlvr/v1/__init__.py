"""Generated from proto/rlvr/v1 by `make proto`; never edited."""
