"""Answer text to a typed tree.

normalise   Unicode, escapes and markup to the ASCII and LaTeX that tokens are written in
tokens      text to tokens, in one pass
expression  one formula
unit_parser, unit_phrase, units   the unit behind a value: its grammar, its words, the table of units
quantities  formulas with units, currency, ratios
calendar    dates and times of day
number_words   `twelve`, `one hundred and five` in digits
statements  lists, relations, definitions: the whole of one answer
parser      `parse_answer`, the door to all of it
"""
