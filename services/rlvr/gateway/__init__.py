"""The public HTTP API: completions in, verdicts out; runs."""
