"""Judging in the trusted parent: pure Python on plain data, which runs no code of the candidate's or of a test's."""
