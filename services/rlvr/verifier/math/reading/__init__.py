"""Answer text to a typed tree.

normalise   Unicode, escapes and markup to the ASCII and LaTeX that tokens are written in
tokens      text to tokens, in one pass
expression  one formula
quantities  formulas with units, currency, ratios
statements  lists, relations, definitions: the whole of one answer
parser      `parse_answer`, the door to all of it
"""
