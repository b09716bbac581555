"""The scikit-learn estimator: scikit-learn's own suite, and what it adds to `train`."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import sde


@parametrize_with_checks([sde.HeavyTailedClassifier()])
def test_scikit_learn_is_satisfied(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def test_a_fit_is_that_of_train(digits):
    x, y = digits
    names = np.array([f"digit {k}" for k in range(10)])
    model = sde.HeavyTailedClassifier(width=40, max_steps=30, batch_size=200, random_state=3)
    model.fit(x, names[y])
    noise = sde.StableNoise(1.75, "II", 0.01)
    fit = sde.train(
        x, y, width=40, noise=noise, learning_rate=0.02, batch_size=200, max_steps=30, seed=3,
        evaluate_every=50, dtype="float64",
    )  # fmt: skip
    np.testing.assert_array_equal(model.network_.weights[0], fit.network.weights[0])
    assert (model.predict(x) == names[fit.network.classify(x)]).all()
    np.testing.assert_allclose(model.predict_proba(x).sum(axis=1), 1.0, rtol=1e-12)


def test_it_works_in_pipelines_and_searches(digits):
    x, y = digits
    model = make_pipeline(StandardScaler(), sde.HeavyTailedClassifier(width=32, max_steps=60))
    search = GridSearchCV(model, {"heavytailedclassifier__sigma": [0.0, 0.02]}, cv=2)
    search.fit(x[:400], y[:400])
    assert search.score(x[400:600], y[400:600]) > 0.5


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        sde.HeavyTailedClassifier().fit([[0.0], [1.0]], [1, 1])
