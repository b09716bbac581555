"""The benchmark behind `sde bench`: this library against its peers, on the same work.

A `Work` (`work`) is what has to be computed; a contestant (`contestants`, `peers_*`) is one way of
computing it; a case (`cases`) is a work, its contestants and the ratios that this library must
reach. `checks` refuses a contestant that computes something else, `measure` times them by turns,
`report` shows and writes what was found. What is measured without a peer is in `growth`, `costs`
and `rates`.

In an installed package this folder is `sde.benchmarks`; in a checkout the command loads it from
`tests/benchmarks` under the same name, so modules here import each other relatively.
"""
