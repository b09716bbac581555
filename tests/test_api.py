"""The public contract: names, signatures, docstrings, and results as labelled data."""

import importlib
import inspect

import numpy as np
import pytest
import xarray

import sde
import theory_checks

#: What the design promises of issue 2. A parameter may be added only by keyword, with a default.
SIGNATURES = {
    "StableNoise": "alpha, kind, sigma=1.0",
    "StableNoise.sample": "self, n, dim, *, seed=0",
    "StableNoise.increments": "self, n, dim, dt, steps, *, substeps=1, seed=0, replicate=0",
    "StableNoise.characteristic_function": "self, u",
    "StableNoise.tail_constant": "self, dim",
    "MeanFieldNetwork": "x, y, feature='tanh', loss='logistic'",
    "MeanFieldNetwork.predict": "self, theta, x=None",
    "MeanFieldNetwork.risk": "self, theta",
    "MeanFieldNetwork.drift": "self, theta",
    "McKeanVlasov": "dim, n_observables, observable, drift",
    "simulate": "system, noise, *, n, t1, dt, initial=sde.Gaussian(1.0), substeps=1, seed=0, "
    "replicate=0, save_at=None, dtype='float64'",
    "Solution.to_xarray": "self",
    "mean_field_flow": "system, noise, *, t1, dt, initial=sde.Gaussian(1.0), method='particles', "
    "n=2**20, runs=8, seed=0",
    "simulate_limit": "system, noise, flow, *, n, seed=0, replicate=0",
    "chaos_gap": "system, noise, flow, *, n, replicates, seed=0",
    "euler_error": "system, noise, *, n, t1, dts, dt_reference, replicates, seed=0, norm='grid'",
    "Gaussian": "scale=1.0",
    "Uniform": "low=-1.0, high=1.0",
    "Point": "value=0.0",
    "prune": "theta, keep",
    "compression_error": "theta, keep",
    "pruning_ratio": "theta, energy=0.9",
    "CompressionLaw.median": "self, n",
    "CompressionLaw.quantile": "self, n, q",
    "CompressionLaw.width": "self, eps, keep",
    "register_feature": "name, value, derivative",
    "register_loss": "name, value, gradient",
}


def public(path):
    thing = sde
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize("path", SIGNATURES)
def test_signatures_are_those_of_the_design(path):
    wanted = inspect.signature(eval(f"lambda {SIGNATURES[path]}: None")).parameters
    given = dict(inspect.signature(public(path)).parameters)
    positional = [name for name, each in wanted.items() if each.kind is not each.KEYWORD_ONLY]
    assert list(given)[: len(positional)] == positional
    for name, parameter in wanted.items():
        found = given.pop(name)
        assert found.kind is parameter.kind
        assert found.default == parameter.default or parameter.default is parameter.empty
    for extra in given.values():
        assert extra.default is not extra.empty
        # the initial laws are data classes
        assert extra.kind is extra.KEYWORD_ONLY or path == "Gaussian"


def test_the_public_names_are_those_of_the_design():
    assert {path.split(".")[0] for path in SIGNATURES} <= set(sde.__all__)
    assert {"Flow", "InitialLaw", "System"} <= set(sde.__all__)
    assert isinstance(inspect.getattr_static(sde.MeanFieldNetwork, "bound"), property)


def test_all_is_what_the_package_defines():
    namespace = {}
    exec("from sde import *", namespace)
    assert set(sde.__all__) <= set(namespace)
    assert sde.__all__ == sorted(sde.__all__)
    modules = {name for name, value in vars(sde).items() if inspect.ismodule(value)}
    assert {name for name in vars(sde) if not name.startswith("_")} - modules == set(sde.__all__)


@pytest.mark.parametrize("name", sde.__all__)
def test_every_public_name_has_a_docstring_with_an_example(name):
    text = inspect.getdoc(public(name))
    assert text.splitlines()[0].endswith(".")
    assert "Examples\n--------\n" in text
    assert ">>> " in text


def public_of_theory_checks():
    for module in theory_checks.__all__:
        found = importlib.import_module(f"theory_checks.{module}")
        for name in found.__all__:
            if inspect.isclass(getattr(found, name)) or inspect.isfunction(getattr(found, name)):
                yield pytest.param(getattr(found, name), id=f"{module}.{name}")


@pytest.mark.parametrize("thing", list(public_of_theory_checks()))
def test_every_public_name_of_theory_checks_has_an_example(thing):
    text = inspect.getdoc(thing)
    assert text.splitlines()[0].endswith(".")
    assert "Examples\n--------\n" in text
    assert ">>> " in text


@pytest.mark.parametrize("name", sde.__all__)
def test_every_public_method_has_a_docstring(name):
    thing = public(name)
    for attribute, value in vars(thing).items() if inspect.isclass(thing) else ():
        if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
            assert inspect.getdoc(value), f"{name}.{attribute}"


def solution(**changed):
    net = sde.MeanFieldNetwork([[1.0, 0.5], [0.3, -1.0]], [1, -1])
    options = {"n": 30, "t1": 1.0, "dt": 0.25, "save_at": [0.0, 0.5], "seed": 3, **changed}
    return sde.simulate(net, sde.StableNoise(1.5, "II"), **options)


def test_a_solution_has_the_promised_shapes():
    sol = solution()
    assert sol.theta.shape == (30, 2)
    assert sol.times.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert sol.mean_field.shape == (5, 2)
    assert sol.saved.shape == (2, 30, 2)
    assert solution(save_at=None).saved.shape == (0, 30, 2)


def test_to_xarray_holds_the_solution():
    sol = solution()
    data = sol.to_xarray()
    assert dict(data.sizes) == {
        "particle": 30, "coordinate": 2, "time": 5, "observable": 2, "saved_time": 2
    }  # fmt: skip
    for name in ("theta", "mean_field", "saved"):
        np.testing.assert_array_equal(data[name], getattr(sol, name))
    np.testing.assert_array_equal(data["time"], sol.times)
    np.testing.assert_array_equal(data["saved_time"], [0.0, 0.5])
    np.testing.assert_array_equal(data["saved"].sel(saved_time=0.5), sol.saved[1])
    numbers = {"n": 30, "t1": 1.0, "dt": 0.25, "substeps": 1, "seed": 3, "replicate": 0}
    assert {name: data.attrs[name] for name in numbers} == numbers
    assert data.attrs["noise"] == repr(sde.StableNoise(1.5, "II"))
    assert data.attrs["initial"] == repr(sde.Gaussian(1.0))
    assert "tanh" in data.attrs["system"]


@pytest.mark.parametrize(
    "changed",
    [{}, {"save_at": None}, {"dtype": "float32"}, {"seed": 2**64 - 1, "replicate": 2**63}],
    ids=["plain", "nothing-saved", "float32", "large-seed"],
)
def test_a_solution_survives_netcdf(tmp_path, changed):
    data = solution(**changed).to_xarray()
    data.to_netcdf(tmp_path / "run.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "run.nc", engine="h5netcdf") as back:
        xarray.testing.assert_identical(back.load(), data)
    assert back["theta"].dtype == data["theta"].dtype


def test_to_xarray_of_the_limit_holds_the_flow():
    net = sde.MeanFieldNetwork([[1.0]], [1], "sine")
    noise = sde.StableNoise(1.5, "I")
    flow = sde.mean_field_flow(net, noise, t1=1.0, dt=0.5, method="fourier")
    data = sde.simulate_limit(net, noise, flow, n=4).to_xarray()
    np.testing.assert_array_equal(data["mean_field"], flow.values)
