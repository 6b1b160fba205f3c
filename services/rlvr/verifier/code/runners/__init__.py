"""The `Runner`s: the room's side of each isolation tier."""
