"""Answer text to a typed tree.

normalise   Unicode to the ASCII and LaTeX that tokens are written in, with
            markup (damaged LaTeX, HTML) and numerals (0.1(6), 1A3_{16}, 1 000 000)
vocabulary  the names and signs of mathematics
tokens      text to tokens, in one pass
cursor      a place in the tokens; the parts of the grammar that stand on it are
            groups (brackets, matrices, cases), functions, operators (sums, integrals, limits)
expression  one formula
unit_parser, unit_phrase, units   the unit behind a value: its grammar, its words, the table of units
quantities  formulas with units, currency, ratios
calendar    dates and times of day
number_words   `twelve`, `one hundred and five` in digits
matrices    a matrix times a number
phrases     choices, sentences, yes and no, no solution
relations   equalities and inequalities as what they assert
qualifiers  what an answer says of its own letters: `k in Z`, `where c is real`
statements  lists, labels, sets, definitions: the whole of one answer
parser      `parse_answer`, the door to all of it
"""
