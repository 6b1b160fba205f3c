"""The sampler room: draws groups of completions from a policy and stamps each with the versions that drew it."""
