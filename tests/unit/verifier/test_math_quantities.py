"""Units, money, counted things, dates and times: which answers are the gold answer and which are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlvr.core.verdict import Grade
from rlvr.verifier.math import MathGrader, MathSpec
from rlvr.verifier.math.reading.units import measure, symbol_of
from rlvr.verifier.protocol import InvalidSpec

GRADER = MathGrader()


def boxed(gold: str, answer: str, **options: object) -> Grade:
    gold_answer = GRADER.prepare(MathSpec.model_validate({"answer": gold, **options}))
    return GRADER.judge(rf"So it is \boxed{{{answer}}}.", gold_answer)


RIGHT = [
    # the same unit under its names and in its spellings
    ("5 m", "5 meters"), ("5 m", r"5\text{ m}"), ("5 m", r"5\,\text{m}"), ("5 m", r"5 \mathrm{~m}"), ("5 m", "$5$ m"),
    ("5 km", r"5 \mathrm{~km}"), ("5 km", "5 Kilometers"), ("5 km", "5 KM"), ("5 km", "$5$ kilometres"), ("5 m", "5m"),
    ("440 cm^2", "440 square centimeters"), ("440 cm^2", r"440\text{ cm}^2"), ("440 cm^2", r"440\text{ cm}^{2}"),
    ("440 cm^2", "440 sq cm"), ("440 cm^2", "440 sq. cm"), ("440 cm^2", "440 centimeters squared"),
    ("440 cm^2", r"440 \mathrm{cm}^2"), ("440 cm^2", r"440\text{ cm²}"), ("12 ft^3", "12 cubic feet"),
    ("12 square units", r"12 \text{ square units}"), ("12 square units", "12"), ("12 square units", "12 cm^2"),
    ("12", r"12\text{ (cm)}"), ("x = 5", "x = 5 (units)"), ("12 cm", r"12\text{ (cm)}"), ("12", "12 (in cm)"),
    # compound units
    ("5 m/s", "5 meters per second"), ("5 m/s", r"5\text{ m/s}"), ("5 m/s", r"5\,\mathrm{m/s}"),
    ("5 m/s", r"5\,\mathrm{m}/\mathrm{s}"), ("5 m/s", r"5 \frac{\text{m}}{\text{s}}"), ("5 m/s", r"5\text{ m s}^{-1}"),
    ("5 m/s", r"5 \mathrm{m\,s^{-1}}"), ("5 m/s", r"5\,\mathrm{m}\cdot\mathrm{s}^{-1}"), ("5 m/s", "$5 m/s$"),
    ("60 km/h", "60 km per hour"), ("60 km/h", r"60 \frac{\text{km}}{\text{h}}"), ("60 km/h", "60 kph"),
    ("60 mph", "60 miles per hour"), ("60 mph", "60 mi/h"), ("60 mph", "60 miles/hour"), ("60 mph", "60 miles an hour"),
    ("9.8 m/s^2", r"9.8\text{ m/s}^2"), ("9.8 m/s^2", "9.8 meters per second squared"), ("9.8 m/s^2", "9.8 m/s/s"),
    ("9.8 m/s^2", r"9.8\,\mathrm{m\,s^{-2}}"), ("9.8 m/s^2", r"9.8\;\frac{\mathrm{m}}{\mathrm{s}^2}"),
    ("10 N", r"10\text{ N}"), ("10 N", "10 newtons"), ("10 N", r"10\,\mathrm{kg\,m/s^2}"), ("10 N", "10 kg m/s^2"),
    ("10 N m", r"10\text{ N}\cdot\text{m}"), ("10 N m", "10 joules"), ("10 J", r"10\,\mathrm{N\cdot m}"),
    ("5 kWh", "5 kilowatt-hours"), ("5 kWh", "5 kilowatt hours"), ("1000 mL", "1000 cubic centimeters"),
    ("4.18 J/(kg K)", r"4.18\,\mathrm{J/kg\,K}"), (r"2\pi\text{ rad/s}", "2π radians per second"),
    # siunitx
    ("5 m", r"\SI{5}{m}"), ("5 m", r"\qty{5}{\meter}"), ("5 m/s^2", r"\SI{5}{\metre\per\second\squared}"),
    ("5 km", r"\SI{5}{\kilo\metre}"), ("5 m/s", r"\qty{5}{m/s}"), ("5 m", r"5\unit{m}"), ("5 m/s", r"5\,\si{m.s^{-1}}"),
    # a unit left out on either side
    ("5 m", "5"), ("5", "5 m"), ("60", "60 km/h"), ("2.5 hours", "2.5"), ("45", "45 degrees"), ("45°", "45"),
    (r"\frac{68}{3}\text{ pounds}", r"\frac{68}{3}"), (r"3\sqrt2\text{ cm}", r"3\sqrt2"), ("3 1/2 cups", "7/2"),
    # what belongs to a measure: length, age, direction, substance
    ("10 years", "10 years old"), ("5 cm", "5 cm long"), ("5 liters", "5 liters of water"), ("5 km north", "5 km"),
    # money
    ("$5", "5 dollars"), ("$5", r"\$5"), ("$5", "USD 5"), ("$5", "5 USD"), ("$5", r"US\$5"), ("$5", "5 bucks"),
    ("$5", "$5.00"), ("5", "$5"), ("$5000000", r"\$5 \text{ million}"), ("$5 million", "5 million dollars"),
    ("500", "Rs. 500"), ("500 rupees", "Rs 500"), ("500 rupees", "₹500"), ("€5", "5 euros"), ("€5", "5€"),
    ("€5", "EUR 5"), ("£5", "5 pounds"), ("£5", "5 GBP"), ("5 lb", "5 pounds"), ("¥500", "500 yen"),
    (r"\$115,000", "115000 dollars"), ("-$5", r"-\$5"), ("$5 per hour", r"\$5 \text{ per hour}"),
    ("$5 per hour", "5 dollars an hour"), ("$5 per hour", "$5"), (r"\text{ab+cd}", "cd + ab"),
    ("$5", r"$\$5$"), ("25 cents", r"25\text{¢}"), ("$5", "$5 USD"),
    ("5 dollars and 20 cents", "$5.20"), ("$5.20", "5 dollars and 20 cents"), ("8 dollars per ticket", "$8"),
    # several units for one quantity
    ("2.5 hours", "2 hours 30 minutes"), ("2 hours 30 minutes", "2.5 hours"), ("2 h 15 min", "2 hours and 15 minutes"),
    ("5 ft 3 in", "5 feet, 3 inches"), ("5 ft 3 in", r"5 \text{ ft } 3 \text{ in}"), ("5.25 ft", "5 ft 3 in"),
    ("3 lb 4 oz", "3 pounds and 4 ounces"), (r"12^\circ 30'", "12.5°"), (r"12^\circ 30' 36''", r"12.51^\circ"),
    (r"12^\circ 30^\prime", "12 degrees 30 minutes"), ("12°30′", r"12^\circ 30'"), ("1 year 6 months", "1.5 years"),
    ("1 h 2 min 3 s", "1 hour, 2 minutes and 3 seconds"), ('12° 30\' 36"', r"12^\circ 30' 36''"),
    # counted things
    ("7", "7 goats"), ("7 goats", "7"), ("15 students", "15 pupils"), ("65 children tickets", "65 tickets"),
    ("12", "12 men"), ("1", "1 way"),
    ("7 goats and 4 helicopters", "4 helicopters and 7 goats"), ("7 goats and 4 helicopters", "7 and 4"),
    (
        "40 chocolate candies, 60 lollipop candies, 10 marmalade candies",
        r"40 \text{ chocolate candies},\ 60 \text{ hard candies},\ 10 \text{ jelly candies}",
    ),
    # temperature and angles
    ("25°C", "25 degrees Celsius"), ("25°C", r"25^\circ\text{C}"), ("25°C", r"25^{\circ}C"), ("25°C", "25 degrees"),
    ("77°F", "77 degrees Fahrenheit"), ("300 K", "300 kelvin"), (r"\pi/4", "45°"), ("45°", r"\frac{\pi}{4}"),
    ("45 degrees", r"\pi/4\text{ rad}"), (r"\frac{\pi}{4}\text{ radians}", "45°"), ("45°", r"45^{\circ}"),
    ("45°", "45 deg"), ("30° N", "30°"), ("90%", "90 percent of the people"),
    (r"(45^\circ, 60^\circ)", r"(\frac{\pi}{4}, \frac{\pi}{3})"), ("45", r"45\degree"),
    (r"0^\circ < x < 90^\circ", "(0°, 90°)"), (r"0^\circ < x < 90^\circ", r"0 < x < \pi/2"), ("x > 5 cm", "x > 5"),
    # scales, number words, percent
    ("3000000", "3 million"), ("3.5 million", "3500000"), ("-3000000", "-3 million"), ("24", "2 dozen"),
    ("200000", "2 hundred thousand"), ("24 eggs", "2 dozen eggs"), ("12", "twelve"), ("25", "twenty-five"),
    ("105", "one hundred and five"), ("12 apples", "twelve apples"), ("2017", "two thousand seventeen"),
    ("1200345", "one million two hundred thousand three hundred forty-five"), ("-5", "negative five"), ("0", "zero"),
    ("7 goats and 4 helicopters", "seven goats and four helicopters"), ("2.5", "two and a half"), ("1/2", "one half"),
    ("2/3", "two thirds"), ("5 dollars", "five dollars"), ("15", "fifteenth"), ("15th", "fifteenth"), ("21", "21st"),
    ("15", "15th Day"), ("50%", "50 percent"), ("50%", "50 per cent"), ("0.5", "50 percent"), ("50", "50 percent"),
    ("50 percent", "fifty percent"), ("20%", "20% increase"), ("5 percentage points", "5"),
    # dates
    ("2023-05-01", "May 1, 2023"), ("May 1, 2023", "1 May 2023"), ("May 1, 2023", "May 1st, 2023"),
    ("May 1, 2023", "the 1st of May, 2023"), ("May 1, 2023", r"\text{May 1, 2023}"), ("May 1, 2023", "2023/05/01"),
    ("May 1, 2023", r"\text{May } 1, 2023"), ("May 1, 2023", "Monday, May 1, 2023"), ("12/25/2023", "Dec. 25, 2023"),
    ("May 1", "May 1, 2023"), ("May 1", "1st of May"), ("Monday, May 1, 2023", "2023-05-01"),
    ("05/01/2023", "5/1/2023"),
    ("Monday", "Monday, May 1"), ("Monday", "monday"), ("May", "May 2023"), ("25/12/2023", "12/25/2023"),
    ("5/5/2023", "May 5, 2023"), ("February 29, 2024", "29 Feb 2024"),
    # times of day
    ("12:30", "12:30"), ("12:30 pm", "12:30 p.m."), ("12:30 p.m.", r"12:30 \text{ p.m.}"), ("2:30 pm", "14:30"),
    ("14:30", "2:30 PM"), ("5:30 pm", "5:30"), ("5:30", "5:30 am"), ("5 pm", "5:00 p.m."), ("5 pm", "17:00"),
    ("noon", "12:00 pm"), ("midnight", "12 am"), ("00:30", "12:30 am"), ("5 pm", "5"), ("5:00", "5 o'clock"),
    ("3 pm", "3 in the afternoon"), ("9:05", "09:05"), (r"9\!:\!05 \text{ a.m.}", "9:05 am"),
]  # fmt: skip

WRONG = [
    # another unit
    ("5 m", "5 km"), ("5 m", "500 cm"), ("5 km", "5 mi"), ("5 cm", "5 mm"), ("5 mW", "5 MW"), ("5 m", "5 s"),
    ("5 m", "5 m^2"), ("440 cm^2", "440 cm^3"), ("440 cm^2", "440 cm"), ("5 m/s", "5 km/h"), ("5 m/s", "5 m/s^2"),
    ("5 m/s", "5 m s"), ("5 m/s", "5 s/m"), ("60 km/h", "60 mph"), ("60 km/h", "60 km per minute"), ("5 g", "5 kg"),
    ("2 hours", "2 minutes"), ("2 hours", "120 minutes"), ("5 N", "5 J"), ("5 years", "5 light years"),
    ("12 square units", "12 cm"), ("12 square units", "12 units"), ("5 lb", "5 oz"), ("5 ounces", "5 pounds"),
    ("25°C", "25°F"), ("25°C", "25 K"), ("5 miles", "5 nautical miles"), ("5 tons", "5 metric tons"),
    ("5 pounds", "5 euros"), ("7 goats", "7 km"), ("7 km", "7 goats"), ("15 days", "15 students"),
    # the right unit of the wrong number
    ("5 m", "6 m"), ("2.5 hours", "2 hours 50 minutes"), ("2.5 hours", "2.3 hours"), ("5 ft 3 in", "5.3 ft"),
    ("5 ft 3 in", "3 ft 5 in"), (r"12^\circ 30'", r"12.3^\circ"), (r"12^\circ 30'", r"12^\circ 30''"),
    ("2 hours 30 minutes", "30 hours 2 minutes"), ("2 hours 30 minutes", "150 minutes"), ("5 ft 3 in", "63 in"),
    ("5 m", r"5 \text{ m} + 1"), ("5m", "5"), ("5mg", "5"), ("12", r"12\text{ cm} - 1"),
    # money
    ("$5", "5 cents"), ("$5", "500 cents"), ("$5", "€5"), ("$5", "£5"), ("$5", "Rs. 5"), ("$5 million", "$5"),
    ("$5", "$5 million"), ("$5.20", "5 dollars and 2 cents"), ("$5 per hour", "$5 per day"), ("$5 per hour", "€5"),
    ("$5 million", "$5 billion"),
    ("5 USD", "5 CAD"), ("$5", "$-5"),
    # counted things, permuted or denied
    ("7 goats and 4 helicopters", "7 helicopters and 4 goats"), ("7 goats and 4 helicopters", "4 goats, 7 helicopters"),
    (
        "40 chocolate candies, 60 lollipop candies, 10 marmalade candies",
        r"40 \text{ chocolate candies},\ 50 \text{ hard candies},\ 20 \text{ jelly candies}",
    ),
    (
        "40 chocolate candies, 60 lollipop candies, 10 marmalade candies",
        r"60 \text{ chocolate candies},\ 40 \text{ lollipop candies},\ 10 \text{ marmalade candies}",
    ),
    (
        "40 chocolate candies, 60 lollipop candies, 10 marmalade candies",
        r"40 \text{ chocolate candies},\ 10 \text{ hard candies},\ 60 \text{ jelly candies}",
    ),
    ("5 kg of rice and 3 kg of beans", "3 kg of rice and 5 kg of beans"), ("7 goats", "8 goats"),
    ("42", "42 is wrong"), ("42", "42 squared"), ("42", "42 or more"), ("42", "42 at most"), ("42", "not 42 goats"),
    ("42", "42 plus"), ("42", "42 factorial"), ("42", "42 thirds"), ("42", "42 goats or 43 goats"),
    ("42", "42 hundred"), ("42", "42 million goats"), ("42", "42 negative"), ("42", "42 forty"), ("42", "42 apples^2"),
    ("20% increase", "20% decrease"), ("5 km north", "5 km south"), ("5 m above", "5 m below"),
    ("$5 profit", "$5 loss"),
    # temperature and angles
    ("45°", "0.785 rad"), ("45°", r"\pi/3"), ("45°", "45 rad"), ("45°", r"45\pi"), (r"\pi/4", "45"),
    (r"\frac{\pi}{4}\text{ rad}", "40°"), ("45°", "44°"), ("45'", "45°"), ("30° N", "30° S"),
    ("42", "42 per"), ("42", "42 fails"),
    ("x > 5 cm", "x > 5 km"), (r"0^\circ < x < 90^\circ", r"0 < x < \pi"),
    # scales, number words, percent
    ("3000000", "3 billion"), ("3000000", "3"), ("-3", "-3 million"), ("3", "3 million"), ("24", "3 dozen"),
    ("12", "twenty"), ("105", "one hundred and six"), ("15", "fifty"), ("7", "seven and four"), ("2/3", "two"),
    ("3", "three thirds"), ("25", "twenty, five"), ("12", "not twelve"), ("12", "twelve or thirteen"),
    ("0.5", "0.5 percent"), ("50%", "5 percent"), ("50 percentage points", "51"),
    # dates
    ("2023-05-01", "May 2, 2023"), ("2023-05-01", "May 1, 2024"), ("2023-05-01", "2017"), ("2017", "2023-05-01"),
    ("May 1, 2023", "05/01/2023"), ("05/01/2023", "01/05/2023"), ("May 1, 2023", "May 1"), ("May 1, 2023", "May 2023"),
    ("May 1", "May 2"), ("May 1", "June 1"), ("Monday", "Tuesday"), ("Monday", "Tuesday, May 2, 2023"),
    ("May 1, 2023", "Tuesday, May 1, 2023"), ("May 15", "15"), ("15", "May 15"),
    # times of day
    ("12:30", "12:31"), ("1:20", "2:40"), ("5:30 pm", "5:30 am"), ("14:30", "2:30"), ("2:30", "14:30"),
    ("14:30", "2:30 am"), ("5 pm", "6 pm"), ("noon", "midnight"), ("12:30 pm", "12:30 am"), ("5 pm", "5 hours"),
    ("noon", "12:01 pm"), ("5:30 pm", "5.5"), ("5:30 pm", "5/30"), ("5:30 pm", "17:31"), ("5 pm", "5 am"),
    ("12:30:15 pm", "12:30 pm"), ("5:30 pm", "5:75 pm"),
]  # fmt: skip

CONVERTED = [
    ("5 m", "500 cm"), ("500 cm", "5 m"), ("60 km/h", r"\frac{50}{3}\text{ m/s}"), ("60 km/h", "1 km per minute"),
    ("1 N", r"1\,\mathrm{kg\,m/s^2}"), ("1 N", r"100000\,\mathrm{g\,cm/s^2}"), ("1 hour", "60 minutes"),
    ("$1", "100 cents"), ("2 hours 30 minutes", "150 minutes"), ("5 ft 3 in", "63 inches"), ("1 ft", "30.48 cm"),
    ("1 mi", "1609.344 m"), ("1 week", "7 days"), ("1 year", "12 months"), ("1 L", "1000 mL"), ("1 L", "1 dm^3"),
    ("1 kWh", "3.6 MJ"), ("100 °C", "212 °F"), ("0 °C", "273.15 K"), ("32 °F", "0 degrees Celsius"),
    ("1 GB", "1000 MB"),
    ("1 lb", "0.45359237 kg"), ("1 acre", "43560 square feet"), ("1 gallon", "4 quarts"), ("180 degrees", r"\pi rad"),
    ("1 revolution", "360 degrees"), ("1 revolution", r"2\pi \text{ radians}"),
    ("1 rpm", r"\frac{\pi}{30} \text{ rad/s}"),
    (r"5\sqrt{2}\text{ m}", r"500\sqrt{2}\text{ cm}"), ("1 m^2", "10000 cm^2"), ("72 km/h", r"20\,\mathrm{m\,s^{-1}}"),
    ("1 atm", "101.325 kPa"), ("(1 m, 2 m)", "(100 cm, 200 cm)"), ("5 m", "5"), ("£1", "100 pence"),
    ("1000 g", "1 kg"), ("2 tons", "4000 pounds"), ("1 nautical mile", "1852 m"), ("1 day", "86400 s"),
]  # fmt: skip

NOT_CONVERTED = [
    ("5 m", "50 cm"), ("5 m", "5 s"), ("60 km/h", "16.67 m/s"), ("1 hour", "60 seconds"), ("1 hour", "100 minutes"),
    ("$1", "100 euros"), ("$1", "1 cent"), ("1 year", "365 days"), ("1 month", "30 days"), ("100 °C", "100 °F"),
    ("0 °C", "0 K"), ("1 m^2", "100 cm^2"), ("1 N", "1 J"), ("1 kg", "2.2 lb"), ("180 degrees", "3.14159 rad"),
    ("5 m", "500 goats"), ("5 goats", "500 cm"), ("5 m", "500"), ("1 L", "100 mL"), ("5 ft 3 in", "53 inches"),
    ("1 week", "5 days"), ("1 rpm", "1 rad/s"), ("5 m", "5 cm"), ("1 h 15 min", "1.15 h"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), RIGHT)
def test_right_quantity_is_accepted_in_this_form(gold: str, answer: str) -> None:
    grade = boxed(gold, answer)
    assert grade.reward == 1, grade


@pytest.mark.parametrize(("gold", "answer"), WRONG)
def test_wrong_quantity_is_rejected_in_this_form(gold: str, answer: str) -> None:
    grade = boxed(gold, answer, units="match")
    assert grade.reward == 0, grade


@pytest.mark.parametrize(("gold", "answer"), CONVERTED)
def test_units_are_converted_exactly(gold: str, answer: str) -> None:
    grade = boxed(gold, answer)
    assert grade.reward == 1, grade


@pytest.mark.parametrize(("gold", "answer"), NOT_CONVERTED)
def test_conversion_makes_no_wrong_quantity_right(gold: str, answer: str) -> None:
    grade = boxed(gold, answer, units="convert", rounding="exact")
    assert grade.reward == 0, grade


def test_a_tolerance_is_in_the_golds_unit() -> None:
    tolerance = {"absolute": 0.01}
    assert boxed("60 km/h", "16.67 m/s", units="convert", tolerance=tolerance).reward == 0
    assert boxed("16.67 m/s", "60 km/h", units="convert", tolerance=tolerance).reward == 1


@pytest.mark.parametrize("answer", ["5 km", "5 s", "5 goats", "5", r"\$5"])
def test_ignored_units_decide_nothing(answer: str) -> None:
    assert boxed("5 m", answer, units="ignore").reward == 1
    assert boxed("5 m", answer.replace("5", "6"), units="ignore").reward == 0


def test_a_chain_through_another_unit_is_no_contradiction() -> None:
    assert boxed("500 cm", r"5 \text{ m} = 500 \text{ cm}").reward == 1
    assert boxed("500 cm", r"5 \text{ m} = 50 \text{ cm}").reward == 0


@pytest.mark.parametrize("unit", ["m", "km", "in", "mi", "lb", "h", "L", "gal", "J", "kWh", "degree", "degF", "cent"])
def test_every_unit_is_worth_an_exact_rational(unit: str) -> None:
    symbol = symbol_of(unit)
    assert symbol == unit
    assert measure(((symbol, 1),)).factor > 0


@pytest.mark.parametrize(
    "gold", ["5 m or less", "42 squared", "February 30, 2023 is no date", "5 m is wrong", r"\SI{5}{", "5 cm^"]
)
def test_gold_with_words_that_are_no_unit_is_the_specs_fault(gold: str) -> None:
    with pytest.raises(InvalidSpec):
        GRADER.prepare(MathSpec(answer=gold))


LONG = {
    "words": "5 " + "meters " * 140, "slashes": "5 m" + "/s" * 480, "powers": "5 m" + "^9" * 480,
    "parts": "5 h " + "3 min " * 150, "joined parts": "5 h" + ", 3 min" * 140, "numbers": "one hundred " * 80,
    "brackets": "5 " + "(m " * 300, "deep brackets": "5 (m " + "{" * 900, "fractions": "5" + r"\frac{\text{m}}" * 60,
    "currencies": "$" * 900 + "6" + "€" * 90,
    "months": "May " * 240, "clock": "12:30" * 190, "prefixes": r"\SI{5}{" + r"\kilo" * 190 + "}",
    "dates": "1-1-1" * 190, "degrees": "5" + "°" * 900, "units to the ninth": "5 ly^9 ly^9 ly^9 ly^9 ly^9 ly^9",
}  # fmt: skip


@pytest.mark.parametrize("answer", LONG.values(), ids=LONG.keys())
@pytest.mark.parametrize("units", ["match", "convert"])
def test_long_units_take_little_time(answer: str, units: str) -> None:
    started = time.process_time()
    assert boxed("5 km", answer, units=units).reward == 0
    assert time.process_time() - started < 1


PIECES = [
    "5", "12:30", "2.5", "-", "$", r"\$", "€", " ", " ", " ", "m", "km", "s", "h", "C", "/", "^2", "^{-1}", "^", "(",
    ")",
    "{", "}", r"\text{", r"\mathrm{", r"\frac{", "per", "square", "cubed", "hours", "minutes", "goats", "dozen",
    "million",
    "percent", "degrees", "°", "'", '"', r"\SI{", r"\metre", r"\kilo", "May", "1", ",", "and", "pm", "noon", "twelve",
    "hundred", "light", "year", "of", "a", "*", "USD", "Rs", "\u00b5", "=",
]  # fmt: skip
GOLDS = [
    (GRADER.prepare(MathSpec(answer=gold, units=units)), gold)
    for gold in ("5 m", "60 km/h", "$5", "45°", "2 hours 30 minutes", "25°C", "May 1, 2023", "5 pm", "7 goats", "5")
    for units in ("match", "convert", "ignore")
]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_jumble_of_units_gets_a_scored_grade(text: str) -> None:
    for gold, _ in GOLDS:
        assert GRADER.judge(rf"\boxed{{{text}}}", gold).reward in (0, 1)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(RIGHT + WRONG + CONVERTED + NOT_CONVERTED), st.sampled_from(["match", "convert", "ignore"]))
def test_every_form_is_itself_under_every_policy(row: tuple[str, str], units: str) -> None:
    gold, _ = row
    assert boxed(gold, gold, units=units).reward == 1
