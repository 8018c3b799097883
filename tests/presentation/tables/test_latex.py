"""LaTeX: as printed, harmless, and accepted by the compilers."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confound.presentation.tables.latex import escaped, to_latex
from confound.presentation.tables.layout import Column, Panel, Row, Table
from confound.presentation.tables.publication import build
from tests.small_tables import HOSTILE, SETTINGS, drift

GOLDEN = r"""
\begin{table}[htbp]
\centering
\setlength{\belowcaptionskip}{4pt}
\caption{User drift: negative controls}
\label{tab:drift}
\footnotesize
\setlength{\tabcolsep}{4pt}
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%
\begin{threeparttable}
\begin{tabular}{@{}lcccccccc@{}}
\toprule
 & \multicolumn{4}{c}{m\_1} & \multicolumn{4}{c}{m\_2} \\
\cmidrule(lr){2-5} \cmidrule(lr){6-9}
Negative control & TVD & 95\% CI & p & p, adjusted & TVD & 95\% CI & p & p, adjusted \\
\midrule
\multicolumn{9}{@{}l@{}}{\textit{Panel A. Iteration 0 (before adjustment)}} \\
party & 0.050 & [0.000, 0.100] & $<$ .001 & $<$ .001 & 0.060 & [0.010, 0.110] & $<$ .001 & $<$ .001 \\
All controls & 0.060 & [0.010, 0.110] & \phantom{$<$ }.043 & \phantom{$<$ }.086 & 0.070 & [0.020, 0.120] & \phantom{$<$ }.043 & \phantom{$<$ }.086 \\
\addlinespace[2pt]
Personas & 100 &  &  &  & 101 &  &  &  \\
\addlinespace
\multicolumn{9}{@{}l@{}}{\textit{Panel B. Iteration 2}} \\
party & 0.050 & [0.000, 0.100] & $<$ .001 & $<$ .001 & 0.060 & [0.010, 0.110] & $<$ .001 & $<$ .001 \\
All controls & 0.060 & [0.010, 0.110] & \phantom{$<$ }.043 & \phantom{$<$ }.086 & 0.070 & [0.020, 0.120] & \phantom{$<$ }.043 & \phantom{$<$ }.086 \\
\addlinespace[2pt]
Personas & 100 &  &  &  & 101 &  &  &  \\
\bottomrule
\end{tabular}
\begin{tablenotes}[flushleft]
\item \textit{Notes.}
Study: books.
Contrast: b $-$ a.
"""  # noqa: E501 -- as it is written


def hostile() -> Table:
    """Lay out a table whose every label is hostile."""
    columns = tuple(Column(text, text) for text in HOSTILE[:6])
    rows = tuple(Row(text, (("0.1",),) * 6) for text in HOSTILE)
    panels = tuple(Panel(text, rows) for text in HOSTILE[:2])
    return Table("drift", "Title", HOSTILE[0], columns, panels, tuple(HOSTILE))


def test_golden() -> None:
    """The text, from the first line of the float to the first notes."""
    text = to_latex(build("drift", {"drift": drift(["m_1", "m_2"], ["party"], [0, 2])}, SETTINGS))
    assert GOLDEN in text
    assert text.endswith("Seed 7.\n\\end{tablenotes}\n\\end{threeparttable}%\n}\n\\end{table}\n\\confoundend\n")


@given(st.text())
def test_nothing_is_obeyed(text: str) -> None:
    """Every backslash in the escaped text begins a command of ours, and braces are balanced."""
    written = escaped(text)
    for command in (
        *(r"\textbackslash{}", r"\textasciicircum{}", r"\textasciitilde{}", r"\textasciigrave{}", r"\textbar{}"),
        *(r"\anyscript", r"\textdir TRT ", r"$^{\dagger}$", r"\/", *(f"\\{c}" for c in "{}$&#%_")),
    ):
        written = written.replace(command, "")
    assert "\\" not in written
    assert not set('&#%_~^`"') & set(written)
    assert written.count("{") == written.count("}")


def test_latin_letters_stay() -> None:
    """What pdflatex sets is written as it is, the rest with its code points."""
    assert escaped("na\u00efve") == "na\u00efve"
    assert escaped("\u03bb") == "\\anyscript{\u03bb}{U+03BB}"


def test_a_bracket_is_no_argument() -> None:
    """A row that begins with a bracket does not become the option of the line break before it."""
    table = Table("drift", "", "", (Column("x"),), (Panel("", (Row("[9cm]", (("1",),)), Row("*", (("1",),)))),), ())
    assert "\n{}[9cm] & 1" in to_latex(table)
    assert "\n{}* & 1" in to_latex(table)


def test_long_tables_are_broken() -> None:
    """Parts of a page each keep one number, and heads on each."""
    text = to_latex(build("drift", {"drift": drift(["m", "n"], [f"q{i}" for i in range(120)])}, SETTINGS))
    assert text.count(r"\begin{table}") == 3
    assert text.count(r"\addtocounter{table}{-1}") == 2
    assert text.count(r"\label{tab:drift}") == 1
    assert text.count("Negative control & TVD") == 3


def compiled(engine: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Compile a file where it is."""
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    command = [engine, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", path.name]
    return subprocess.run(  # noqa: S603 -- the command is ours
        command, cwd=path.parent, capture_output=True, text=True, errors="replace", check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_compiles(engine: str, tmp_path: Path) -> None:
    """A table of hostile labels compiles by itself, to a page, and reads no file that a label names."""
    path = tmp_path / "table.tex"
    path.write_text(to_latex(hostile()), encoding="utf-8")
    done = compiled(engine, path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert path.with_suffix(".pdf").stat().st_size > 5000
    assert "(/etc/passwd" not in done.stdout


@pytest.mark.slow
def test_compiles_inside_a_document(tmp_path: Path) -> None:
    """Two tables put into a manuscript compile there, the first of them in two parts."""
    frames = {"drift": drift(["m", "n"], [f"q{i}" for i in range(60)])}
    (tmp_path / "a.tex").write_text(to_latex(build("drift", frames, SETTINGS)), encoding="utf-8")
    (tmp_path / "b.tex").write_text(to_latex(hostile()), encoding="utf-8")
    path = tmp_path / "paper.tex"
    packages = r"\usepackage{booktabs,graphicx,threeparttable}"
    path.write_text(
        rf"\documentclass{{article}}{packages}\begin{{document}}Before. \input{{a}}\input{{b}}After.\end{{document}}",
        encoding="utf-8",
    )
    done = compiled("pdflatex", path)
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_pdflatex_has_the_letters(tmp_path: Path) -> None:
    """Every letter that is written as it is, is one that pdflatex sets."""
    letters = [chr(c) for c in range(0xA0, 0x2200) if escaped(chr(c)) == chr(c) and chr(c).isprintable()]
    assert len(letters) > 150
    path = tmp_path / "letters.tex"
    path.write_text(
        rf"\documentclass{{article}}\begin{{document}}{' '.join(letters)}\end{{document}}", encoding="utf-8"
    )
    done = compiled("pdflatex", path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
