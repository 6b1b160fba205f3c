"""Engines: what runs a policy. Import the one that is wanted; each brings its own heavy dependencies."""
