import json

import pytest

from rlvr.core.verdict import Outcome, Reason
from rlvr.verifier.protocol import InvalidSpec
from rlvr.verifier.puzzle.grader import PuzzleGrader
from rlvr.verifier.puzzle.spec import PuzzleSpec

GRADER = PuzzleGrader()
MANY = [[0] * 4 for _ in range(4)]
SOLVED_MINI = [[1, 2, 3, 4], [3, 4, 1, 2], [4, 3, 2, 1], [2, 1, 4, 3]]
GIVEN_MINI = [[1, 0, 0, 4], [0, 4, 0, 2], [4, 0, 2, 0], [0, 1, 0, 3]]
SOLVED = [[(3 * (row % 3) + row // 3 + column) % 9 + 1 for column in range(9)] for row in range(9)]
GIVEN = [[cell if (row + 2 * column) % 3 else 0 for column, cell in enumerate(SOLVED[row])] for row in range(9)]
SOLVED_6 = [[(3 * (row % 2) + row // 2 + column) % 6 + 1 for column in range(6)] for row in range(6)]


def judge(puzzle, instance, completion):
    return GRADER.judge(completion, GRADER.prepare(PuzzleSpec(puzzle=puzzle, instance=instance)))


def countdown(completion, numbers=(4, 3, 9, 8), target=24, **options):
    return judge("countdown", {"numbers": list(numbers), "target": target, **options}, completion)


@pytest.mark.parametrize(
    "completion",
    [
        "(9 - 3) * 4",
        "<think>8*3 is 24</think> 8*3",
        "<answer>8 * 3</answer>",
        "<answer>\n```\n8*3\n```\n</answer>",
        "```\n8*3 = 24\n```",
        r"so \boxed{8 \times 3}",
        "8×3.",
        "Answer: 8*3 = 24",
        "(9+3)*8/4",
        "((((8))))*3",
        "first I tried 9*4\n8*3\n",
    ],
)
def test_countdown_accepts_any_expression_with_the_value(completion):
    grade = countdown(completion)
    assert (grade.outcome, grade.reason) == (Outcome.CORRECT, Reason.PASSED), grade


def test_countdown_is_exact_in_rationals():
    assert countdown("8/(3-8/3)", (3, 3, 8, 8), 24).outcome is Outcome.CORRECT
    assert countdown("1/3*3", (1, 3, 3), 1).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    "completion",
    [
        "24",
        "6*4*1*1",
        "43-9-8",
        "8*3*9/9",
        "8--3",
        "-8*3+48",
        "+8*3",
        "8*+3",
        "8**3",
        "48//2",
        "4!",
        "8/(4-4)",
        "8/(9-9)",
        "8*3 = 25",
        "8*3 = 24 = 24",
        "24 = 8*3",
        "not 8*3",
        "8*3 or 9*4",
        "8 3",
        "(8*3",
        "8*3)",
        "()",
        "8*(3)(1)",
        "8.0*3",
        "8,0*3",
        "8_0*3",
        "8e0*3",
        "８*3",
        "٨*3",
        "9*8*4*3",
        "",
        "   ",
        "None",
        "nan",
        "inf",
        "__import__('os').system('touch pwned')",
        "[c for c in ().__class__.__base__.__subclasses__()]",
        "<think>8*3",
        "<answer></answer>",
        "<answer>8*3</answer> <answer>9*4</answer>",
        r"\boxed{8*3} \boxed{9*4}",
        "8*3\n\nno: 9*4",
        "8 answer: *3",
    ],
)
def test_countdown_rejects_everything_else(completion):
    grade = countdown(completion)
    assert grade.outcome is Outcome.INCORRECT and grade.reward == 0.0, grade


def test_countdown_can_demand_all_numbers():
    assert countdown("8*3", use_all=True).reason is Reason.RULE_VIOLATED
    assert countdown("(9-4-3)*8*1", (9, 4, 3, 8, 1), 16, use_all=True).outcome is Outcome.CORRECT


def render_lines(grid):
    return "\n".join(" ".join(map(str, row)) for row in grid)


@pytest.mark.parametrize(
    "render",
    [
        json.dumps,
        lambda grid: "<answer>" + json.dumps(grid, indent=2) + "</answer>",
        render_lines,
        lambda grid: "\n".join("".join(map(str, row)) for row in grid),
        lambda grid: "\n".join(",".join(map(str, row)) for row in grid),
        lambda grid: "\n".join("| " + " | ".join(map(str, row)) + " |" for row in grid),
        lambda grid: "\n".join(map(str, grid)),
        lambda grid: "Here it is:\n```\n" + render_lines(grid) + "\n```\nDone.",
        lambda grid: "<think>hm</think>\n<answer>" + json.dumps(grid) + "</answer>",
        lambda grid: "The solution:\n\n" + render_lines(grid) + "\n",
    ],
)
@pytest.mark.parametrize("given,solved", [(GIVEN, SOLVED), (GIVEN_MINI, SOLVED_MINI)])
def test_sudoku_reads_a_grid_however_it_is_written(render, given, solved):
    grade = judge("sudoku", {"grid": given}, render(solved))
    assert grade.outcome is Outcome.CORRECT, grade


def test_sudoku_with_box_rules_is_read_by_its_digits():
    lines = ["".join(map(str, row)) for row in SOLVED]
    framed = [f"{line[:3]} | {line[3:6]} | {line[6:]}" for line in lines]
    text = "\n".join([*framed[:3], "----+-----+----", *framed[3:6], "----+-----+----", *framed[6:]])
    assert judge("sudoku", {"grid": GIVEN}, f"<answer>{text}</answer>").outcome is Outcome.CORRECT


def test_sudoku_accepts_every_valid_solution():
    other = [[5 - cell for cell in row] for row in SOLVED_MINI]
    for grid in (SOLVED_MINI, other):
        assert judge("sudoku", {"grid": MANY}, json.dumps(grid)).outcome is Outcome.CORRECT
    assert judge("sudoku", {"grid": [[0] * 6] * 6}, json.dumps(SOLVED_6)).outcome is Outcome.CORRECT


def changed(row, column, value):
    grid = [list(line) for line in SOLVED_MINI]
    grid[row][column] = value
    return grid


@pytest.mark.parametrize(
    "answer",
    [
        [[5 - cell for cell in row] for row in SOLVED_MINI],
        changed(0, 1, 3),
        changed(0, 1, 0),
        changed(0, 1, 2.0),
        changed(0, 1, True),
        changed(0, 0, True),
        changed(0, 1, "2"),
        changed(0, 1, None),
        changed(0, 1, [2]),
        [*SOLVED_MINI, [1, 2, 3, 4]],
        SOLVED_MINI[:3],
        [[*row, 5] for row in SOLVED_MINI],
        [SOLVED_MINI[0]] * 4,
        {"grid": SOLVED_MINI},
        [],
        [[]] * 4,
        SOLVED,
    ],
)
def test_sudoku_rejects_grids_that_break_a_rule(answer):
    assert judge("sudoku", {"grid": GIVEN_MINI}, f"<answer>{json.dumps(answer)}</answer>").reward == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3 4\n3 4 1 2\n4 3 2 1\n2 1 4 3\n2 1 4 3",
        "1.0 2 3 4\n3 4 1 2\n4 3 2 1\n2 1 4 3",
        "-1 2 3 4\n3 4 1 2\n4 3 2 1\n2 1 4 3",
        "not:\n1 2 3 4\n3 4 1 2\n4 3 2 1\n2 1 4 3",
        str([["__import__('os').system('touch pwned')"] * 4] * 4),
        "[[1,2,3,4],[3,4,1,2],[4,3,2,1],[2,1,4,3]] + []",
        "unsolvable",
    ],
)
def test_sudoku_rejects_text_that_is_not_just_the_grid(text):
    assert judge("sudoku", {"grid": GIVEN_MINI}, f"<answer>{text}</answer>").reward == 0.0


HOSTILE = {
    "nested lists": "[" * 100_000 + "]" * 100_000,
    "unclosed lists": "[" * 9_999,
    "closed lists": "[" * 4_999 + "]" * 4_999,
    "ten megabytes": "[" + "[1,2,3,4]," * 1_000_000 + "]",
    "long lines": ("1 " * 5_000 + "\n") * 100,
    "digits": "9" * 9_000,
    "parentheses": "(" * 9_000 + "8*3" + ")" * 9_000,
    "boxes": r"\boxed{1}" * 20_000,
    "open boxes": r"\boxed{" * 20_000,
    "answers": "<answer>" * 50_000 + "</answer>" * 50_000,
    "fences": "```\n" * 50_000,
    "tildes": "~" * 500_000 + "`",
    "backticks": "`" * 500_000 + "x`",
    "spaces": " " * 1_000_000 + "x",
    "escapes": "\\" * 500_000,
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("wrap", ["{}", "<answer>{}</answer>"])
def test_hostile_answers_score_nothing_and_stay_bounded(name, wrap):
    completion = wrap.replace("{}", HOSTILE[name])
    assert countdown(completion).reward == 0.0
    assert judge("sudoku", {"grid": GIVEN_MINI}, completion).reward == 0.0


@pytest.mark.parametrize(
    "puzzle,instance,field",
    [
        ("sudoko", {}, "puzzle"),
        ("countdown", {"numbers": [], "target": 1}, "instance.numbers"),
        ("countdown", {"numbers": [1, True], "target": 1}, "instance.numbers.1"),
        ("countdown", {"numbers": [1, 2.5], "target": 1}, "instance.numbers.1"),
        ("countdown", {"numbers": [1], "target": "1"}, "instance.target"),
        ("countdown", {"numbers": [1]}, "instance.target"),
        ("countdown", {"numbers": [1], "target": 1, "useall": True}, "instance.useall"),
        ("sudoku", {"grid": [[0] * 5] * 5}, "grid"),
        ("sudoku", {"grid": [[1, 1, 0, 0], [0] * 4, [0] * 4, [0] * 4]}, "grid"),
        ("sudoku", {"grid": [[5, 0, 0, 0], [0] * 4, [0] * 4, [0] * 4]}, "grid"),
        ("sudoku", {"grid": [[0] * 4, [0] * 3, [0] * 4, [0] * 4]}, "grid"),
    ],
)
def test_an_instance_that_is_not_well_posed_is_an_invalid_spec(puzzle, instance, field):
    with pytest.raises(InvalidSpec, match=field):
        GRADER.prepare(PuzzleSpec(puzzle=puzzle, instance=instance))
