"""The trainer room: groups of scored traces in, policy versions out.

Importing the package brings neither torch nor transformers; its modules do.
"""
