"""Is the answer's tree the gold's?

compare     which rule compares which trees
rules       the policies, and what a comparison says
statements, quantities, calendar, words, containers, sets, residues, cases, numbers
            the rules, one kind of tree each; with matching (several items against several), nouns (which
            number is of what) and rounding (decimals that stand for what rounds to them)
renaming    letters that may have any name
identities  what substitution shows of a formula: it vanishes, is linear, is another one's multiple
exact, arithmetic     numbers as fractions; never floats
numeric     two expressions at sample points, to more digits than their texts could be tuned to,
            with sampling (which points) and evaluation (the value at one)
symbolic    SymPy, for the few identities that sample points cannot settle
"""
