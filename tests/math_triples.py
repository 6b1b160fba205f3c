r"""Gold answers of every form, each with a right answer in another form and a wrong one that is close to it.

Used by the metamorphic tests and as seeds of the fuzzer. All of them are decided: no policy is needed.
"""

from __future__ import annotations

TRIPLES: list[tuple[str, str, str]] = [
    # integers, decimals, grouping, signs
    ("42", "42.0", "41"), ("0", "0.0", "1"), ("-7", "-7.00", "7"), ("1000", "1,000", "100"),
    ("1000", r"1\,000", "1001"), ("14400", r"14{,}400", "1440"), ("1234567", "1,234,567", "1,234,568"),
    ("0.5", ".5", "0.05"), ("3.14", "3.140", "3.15"), ("-0.25", r"-\frac14", "0.25"), ("100", "10^2", "10^3"),
    ("2500", r"2.5\times 10^3", r"2.5\times 10^2"), ("0.0001", "10^{-4}", "10^{-5}"),
    ("3000000", "3 million", "3 billion"), ("123456789012345678", "123,456,789,012,345,678", "123456789012345679"),
    ("10^{-20}", r"1\times 10^{-20}", "10^{-21}"), ("6.02e23", r"6.02\times10^{23}", r"6.02\times10^{22}"),
    # fractions, mixed numbers, percentages
    ("1/2", r"\frac{1}{2}", r"\frac{1}{3}"), ("1/2", "0.5", "0.51"), ("3/4", "6/8", "4/3"),
    ("-2/3", r"\frac{-2}{3}", "2/3"), (r"\frac{3}{2}", r"1\frac{1}{2}", r"1\frac{1}{3}"),
    (r"\frac{22}{7}", r"3\frac{1}{7}", "3.14"), ("1/3", "2/6", "0.33"), (r"\frac{27}{4}", "6 3/4", "6 1/4"),
    (r"\frac{5}{-4}", "-1.25", "1.25"), (r"\frac{1}{2}", r"50\%", r"5\%"), (r"25\%", "1/4", "1/5"),
    (r"12.5\%", "1/8", "1/80"), ("0.07", r"7\%", r"70\%"),
    # roots, powers, constants
    (r"3\sqrt{2}", r"\sqrt{18}", r"\sqrt{17}"), (r"\sqrt{2}", r"\frac{2}{\sqrt{2}}", "1.41421356"),
    (r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}", r"\frac{1}{\sqrt{2}}"), (r"2^{1/2}", r"\sqrt{2}", r"\sqrt[3]{2}"),
    (r"\frac{-1+\sqrt{5}}{2}", r"\frac{\sqrt{5}-1}{2}", r"\frac{\sqrt{5}+1}{2}"),
    (r"\sqrt[3]{54}", r"3\sqrt[3]{2}", r"2\sqrt[3]{3}"), (r"2+\sqrt{3}", r"\sqrt{3}+2", r"2-\sqrt{3}"),
    (r"7+4\sqrt{3}", r"(2+\sqrt{3})^2", r"(2+\sqrt{2})^2"), (r"2\pi", r"\pi\cdot 2", r"\pi"),
    (r"\frac{\pi}{4}", r"\frac{1}{4}\pi", r"\frac{\pi}{3}"), (r"\pi^2/6", r"\frac{\pi^2}{6}", r"\frac{\pi}{6}"),
    (r"e^2", r"e\cdot e", r"2e"), (r"3\ln 2", r"\ln 8", r"\ln 9"),
    (r"\log_2 3", r"\frac{\ln 3}{\ln 2}", r"\frac{\ln 2}{\ln 3}"),
    (r"\cos 20^\circ", r"\sin 70^\circ", r"\sin 20^\circ"), (r"\arctan 2", r"\tan^{-1} 2", r"\arctan 3"),
    (r"\sqrt{10^{40}+1}", r"\sqrt{1+10^{40}}", "10^{20}"), (r"\frac{1}{2004!}", "1/2004!", "1/2006!"),
    # complex numbers
    ("1+2i", "2i+1", "1-2i"), ("-i", r"\frac{1}{i}", "i"), ("3-4i", "-4i+3", "4-3i"), (r"2e^{i\pi/2}", "2i", "-2i"),
    # formulas
    ("x+1", "1+x", "y+1"), ("x^2-1", "(x-1)(x+1)", "(x-1)^2"), ("2(x+y)", "2x+2y", "2x+y"),
    (r"\frac{x+2}{7}", "(x+2)/7", "x+2/7"), ("x^2+2x+1", "(x+1)^2", "(x+2)^2"), (r"\frac{1}{x}", "x^{-1}", "x"),
    ("a^2b", "ba^2", "ab^2"), ("3xy", "3yx", "3x+y"), (r"\sqrt{x^2}", "|x|", "x"),
    (r"2\ln|x|", r"\ln(x^2)", r"2\ln x"), (r"\sin 2x", r"2\sin x\cos x", r"2\sin x"),
    (r"1-\sin^2 x", r"\cos^2 x", r"\sin^2 x"), ("n(n+1)/2", r"\frac{n^2+n}{2}", r"\frac{n^2-n}{2}"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}", r"\frac{n(n+1)}{2}"), ("2^{n+1}", r"2\cdot 2^n", r"2^n+1"),
    ("a_1+a_2", "a_2+a_1", "a_1+a_3"), (r"\alpha+\beta", r"\beta+\alpha", r"\alpha-\beta"),
    ("x^3-3x+1", "1-3x+x^3", "x^3+3x+1"), (r"\frac{a}{b+c}", "a/(b+c)", "a/b+c"), ("k(k-1)", "k^2-k", "k^2+k"),
    (r"e^{-x}", r"\frac{1}{e^x}", r"e^{x}"), ("6r^2", r"2r\cdot 3r", "6r"), (r"4\pi r^2", r"\pi (2r)^2", r"2\pi r^2"),
    (r"x^{1/2}", r"\sqrt{x}", r"\sqrt[3]{x}"), ("(x-2)(x-3)", "x^2-5x+6", "x^2-5x-6"),
    (r"\frac{x^2-4}{x-3}", r"\frac{(x-2)(x+2)}{x-3}", r"\frac{x-2}{x-3}"),
    # equations, definitions, relations
    ("x=5", "5", "6"), ("5", "x=5", "x=6"), ("y=2x+1", "y=1+2x", "y=2x-1"), ("y=2x+1", "2x-y+1=0", "2x+y+1=0"),
    ("x^2+y^2=4", "y^2+x^2=4", "x^2+y^2=2"), ("f(x)=2x", "f(z)=2z", "f(z)=3z"), ("f(x)=x^2+1", "1+x^2", "1-x^2"),
    ("x>3", "3<x", r"x\ge 3"), (r"x\le -1", r"-1\ge x", "x<-1"), (r"-2\le x<5", "[-2,5)", "[-2,5]"),
    ("x<0", r"(-\infty,0)", r"(-\infty,0]"), (r"x\ge 2", r"[2,\infty)", r"(2,\infty)"),
    # lists, sets, tuples, intervals
    (r"\{1,2,3\}", r"\{3,2,1\}", r"\{1,2\}"), ("1,3", "3, 1", "1, 2"), (r"\{-2,2\}", r"\pm 2", r"\pm 3"),
    ("1 and 3", "1, 3", "1, 4"), ("(1,2)", "(1,2.0)", "(2,1)"), (r"(1,\frac{9}{2})", "(1,4.5)", "(1,5.4)"),
    ("(-1,0,1)", "(-1, 0, 1)", "(1,0,-1)"), ("(1,2),(3,4)", "(3,4),(1,2)", "(2,1),(3,4)"),
    ("[0,1]", r"0\le x\le 1", "(0,1)"), ("[0,1)", "[0,1.0)", "(0,1]"), (r"(2,\infty)", "x>2", r"(-\infty,2)"),
    (r"(-\infty,\infty)", r"(-\infty,+\infty)", r"(0,\infty)"),
    (r"(1,2)\cup(3,4)", r"(3,4)\cup(1,2)", r"(1,2)\cup(3,5)"),
    (r"(-\infty,-1]\cup[1,\infty)", r"[1,\infty)\cup(-\infty,-1]", r"(-\infty,-1)\cup(1,\infty)"),
    (r"\{\sqrt{2},-\sqrt{2}\}", r"\pm\sqrt{2}", r"\pm 2"),
    (r"3\pm\sqrt{5}", r"3+\sqrt{5}, 3-\sqrt{5}", r"5\pm\sqrt{3}"), (r"\emptyset", r"\varnothing", "0"),
    # matrices and vectors


    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}",
     r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\4/2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),

    (r"\begin{pmatrix}\frac12&0\\0&1\end{pmatrix}", r"\begin{pmatrix}0.5&0\\0&1\end{pmatrix}",
     r"\begin{pmatrix}2&0\\0&1\end{pmatrix}"),
    (r"\begin{pmatrix}x&y\end{pmatrix}", r"\begin{bmatrix}x&y\end{bmatrix}", r"\begin{pmatrix}y&x\end{pmatrix}"),
    # ratios, times, bases
    ("2:3", "4:6", "3:2"), ("1:2:3", "2:4:6", "3:2:1"), ("12:30", "12:30", "12:31"), ("1011_2", "1011_{2}", "1011_3"),
    ("FF_{16}", "FF_{16}", "FE_{16}"),
    # units, currency, angles
    ("5 m", r"5\text{ m}", "5 km"), ("5 m", "5 meters", "6 meters"), (r"10\text{ cm}^2", "10 cm^2", "10 cm"),
    ("60 km/h", r"60\text{ km/h}", "60 m/s"), (r"\$5", "5 dollars", "5 cents"),
    (r"45^\circ", "45 degrees", "46 degrees"), ("3 kg", r"3\,\mathrm{kg}", "3 g"),
    ("2.5 hours", r"2.5\text{ hours}", "2.5 minutes"), ("7", "7 apples", "8 apples"), ("12", "12^{th}", "13^{th}"),
    # letters and words
    ("B", r"\text{B}", "C"), ("B", "(B)", "(D)"), (r"\text{(C)}", "C", "A"), ("E", r"\mathrm{E}", "D"),
    (r"\text{Evelyn}", "evelyn", "angela"), ("yes", "Yes", "No"), ("even", r"\text{even}", "odd"),
    ("no solution", r"\text{no solution}", "1"), ("Tuesday", r"\text{Tuesday}", "Monday"), ("true", "True", "False"),
    # bigger combinations
    (r"\frac{6^6-5^6}{6^5}", r"\frac{31031}{7776}", r"\frac{31030}{7776}"),
    (r"\frac{a^2+b^2}{ab}", r"\frac{a}{b}+\frac{b}{a}", r"\frac{a}{b}-\frac{b}{a}"),
    (r"\left(\frac{1}{2},\frac{3}{4}\right)", "(0.5,0.75)", "(0.75,0.5)"),
    (r"2\arcsin\sqrt{a}", r"\arccos(1-2a)", r"\arccos(1-a)"), (r"\frac{n!}{2}", r"\frac12 n!", r"\frac{(n-1)!}{2}"),
    (r"\lfloor x\rfloor", r"\left\lfloor x\right\rfloor", r"\lceil x\rceil"),
    (r"x^4+4", "(x^2+2x+2)(x^2-2x+2)", "(x^2+2)^2"), (r"\frac{1}{1-x}", r"-\frac{1}{x-1}", r"\frac{1}{x-1}"),
    (r"t^2e^{-t}", r"\frac{t^2}{e^t}", r"\frac{t}{e^t}"),
    (r"\tan x", r"\frac{\sin x}{\cos x}", r"\frac{\cos x}{\sin x}"), (r"|x-1|", r"|1-x|", "x-1"),
    (r"\sqrt{ab}", r"(ab)^{1/2}", r"\sqrt{a}+\sqrt{b}"),
    (r"\frac{3}{x+1}+\frac{2}{x-1}", r"\frac{5x-1}{x^2-1}", r"\frac{5x+1}{x^2-1}"), ("2x+3y", "3y+2x", "3x+2y"),
    (r"\frac{p}{q}", "p/q", "q/p"),
]  # fmt: skip
"""(gold, right, wrong)."""
