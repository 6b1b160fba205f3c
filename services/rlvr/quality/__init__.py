"""How good a verifier is, measured: labelled rows in, false-positive and false-negative rates out.

    rows       a labelled answer, and the file formats that such rows come in
    sets       the built-in sets, those of a folder of known files, disputed labels
    judges     what grades a row: `pool` (ours, in process) or a gateway (in `rlvr.cli.quality`), and `peer`
               (Math-Verify, in a child process that `peer_child` is)
    tally      counts and rates, with intervals from `interval`
    report     what is said about the sets, as cells; `render` makes a table, Markdown or JSON of it

A *set* is a named list of rows; a *form* is how an answer is written ("mixed number"). A *false positive* is a
wrong answer accepted, a *false negative* a right answer not accepted, whatever the reason.
"""
