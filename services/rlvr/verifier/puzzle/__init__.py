"""The `puzzle` verifier: answers checked by the puzzle's rules, so that every valid solution counts."""
