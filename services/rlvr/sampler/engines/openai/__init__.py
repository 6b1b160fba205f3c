"""The OpenAI engine: whatever samples behind `POST /v1/chat/completions`, for evaluation and verification only.

engine     groups of texts, however the server counts samples, and whether it can be reached
api        the server's two routes, and the three ways in which they fail
settings   where the server is
"""
