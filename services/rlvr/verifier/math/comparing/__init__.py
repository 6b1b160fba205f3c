"""Is the answer's tree the gold's?

compare     which rule compares which trees
rules       the policies, and what a comparison says
statements, quantities, calendar, words, containers, numbers   the rules, one kind of tree each
exact, arithmetic     numbers as fractions; never floats
numeric     two expressions at sample points, to more digits than their texts could be tuned to,
            with sampling (which points) and evaluation (the value at one)
symbolic    SymPy, for the few identities that sample points cannot settle
"""
