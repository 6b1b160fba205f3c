"""The `format` verifier: whether a completion has the asked-for shape."""
