"""The verifier room: scores completions against specs."""
