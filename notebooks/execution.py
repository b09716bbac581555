"""Run notebooks, and measure what a reader will wait for."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

import sde
from theory_checks.pictures.sliders import STATIC

__all__ = ["FOLDER", "Run", "execute", "notebooks", "strip", "text", "warm"]

FOLDER = Path(__file__).parent

#: Threads that spin while they wait are slow, and count as work, where a core is not free.
QUIET = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}

#: Runs before a notebook: notes the processor time of every cell.
BEFORE = """
from time import process_time as _clock
_seconds, _since = [], [_clock()]
get_ipython().events.register("pre_run_cell", lambda info: _since.append(_clock()))
get_ipython().events.register("post_run_cell", lambda _: _seconds.append(_clock() - _since[-1]))
"""

#: Runs after it: tries the live form of every slider, and times a move to each end of it.
AFTER = """
import json as _json
from theory_checks.pictures import SLIDERS as _sliders

def _answers(slider):
    assert slider.live(), "no live form"
    for place in (0, -1):
        values = {name: each[place] for name, each in slider.choices.items()}
        slider.draw(**values)  # what is compiled or tabulated once is not waited for again
        tries = []
        for _ in range(3):
            start = _clock()
            slider.draw(**values)
            tries.append(_clock() - start)
        yield min(tries)

print(_json.dumps({
    "seconds": _seconds, "answers": [seconds for each in _sliders for seconds in _answers(each)]
}))
"""


@dataclass(frozen=True)
class Run:
    """
    What became of a notebook.

    Parameters
    ----------
    notebook : NotebookNode
        With outputs.
    seconds : tuple of float
        Processor time of each code cell.
    answers : tuple of float
        Processor time of the answers to moves of its sliders.
    """

    notebook: Any
    seconds: tuple[float, ...]
    answers: tuple[float, ...]


def notebooks() -> list[Path]:
    """Return the notebooks of this folder, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def execute(path: Path) -> Run:
    """
    Run a notebook in a fresh kernel, with sliders that need none afterwards.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    before, after = (nbformat.v4.new_code_cell(source) for source in (BEFORE, AFTER))
    notebook.cells = [before, *notebook.cells, after]
    client = NotebookClient(
        notebook,
        timeout=300,
        resources={"metadata": {"path": str(FOLDER)}},
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    client.execute(env={**os.environ, STATIC: "1", **QUIET})
    *_, last = notebook.cells
    found = json.loads(last.outputs[-1].text)
    notebook.cells = notebook.cells[1:-1]
    return Run(notebook, tuple(found["seconds"][1:]), tuple(found["answers"]))


def warm() -> None:
    """Compile the kernels that all notebooks use, which a machine does once."""
    net = sde.MeanFieldNetwork([[1.0], [2.0]], [1, -1], feature="sine")
    for kind in ("I", "II", "III"):
        noise = sde.StableNoise(1.5, kind)
        noise.sample(2, 2)
        sde.simulate(net, noise, n=2, t1=1, dt=0.5)
    flow = sde.mean_field_flow(net, noise, t1=1, dt=0.5, method="fourier")
    sde.chaos_gap(net, noise, flow, n=2, replicates=2)
    sde.simulate_replicates(net, noise, n=2, t1=1, dt=0.5, replicates=2)


def strip(notebook: Any) -> Any:
    """Remove outputs and whatever an editor leaves in a notebook, in place; return it."""
    for cell in notebook.cells:
        cell.metadata = {
            key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")
        }
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def text(notebook: Any) -> str:
    """Return what is written to the file of a notebook."""
    return str(nbformat.writes(notebook)) + "\n"
