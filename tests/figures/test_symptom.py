"""The clinic's figure: between two readings of a meter nothing is known, so no slope is drawn there."""

import pandas as pd
import pytest

import iomux

READ = {"t_s": [0.1, 0.2, 0.3], "cpu_percent": 1.0, "memory_mib": 2.0, "waiting": [0.0, 3.0, 9.0]}
BACK = {"back_mib": [0.0, 1.0, 2.0], "missing_kib": [0.0, 0.0, 64.0]}


@pytest.mark.parametrize(
    ("column", "between", "words"),
    [
        ("cpu_percent", "steps-pre", "each step: the mean since the reading before it; "),
        ("memory_mib", "steps-post", "each step: a reading, until the next one; "),
        ("waiting", "steps-post", "each step: a reading, until the next one; "),
        ("missing_kib", "default", ""),
    ],
)
def test_a_reading_holds_until_the_next_and_the_note_says_so(column: str, between: str, words: str) -> None:
    frame = pd.DataFrame(BACK if column in BACK else READ)
    across = "back_mib" if column in BACK else "t_s"
    ax = iomux.plot.symptom({"sick": frame}, column, across=across, setting="one client sends")
    assert ax.lines[0].get_drawstyle() == between
    assert iomux.plot.caption(ax).startswith(f"{words}one client sends; ")
