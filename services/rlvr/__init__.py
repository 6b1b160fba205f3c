"""rlvr: reinforcement learning with verifiable rewards, as a platform of independent services."""

__version__ = "0.1.0"
