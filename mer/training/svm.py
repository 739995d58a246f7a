"""Support vector machines as systems, for the classical features of Table 1. Needs scikit-learn.

From the sources: a support vector machine with a polynomial kernel.
Assumed: degree 2, features standardised over the training set, and C chosen on the validation subjects,
who are never in the test set, so that these systems get the same help as the networks do.

A fitted machine is not kept: scikit-learn's own format is a pickle, which can run any code when it is
read. A run leaves its predictions, and the same command fits it again in seconds.
"""

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mer.errors import MerError
from mer.training.calibrate import cross_entropy, fit_temperature
from mer.training.system import Fitted, Task

DEGREE: Final = 2
STRENGTHS: Final = (0.001, 0.01, 0.1, 1.0, 10.0)
"""Values of C tried; the first of those with the least calibrated loss is taken."""


class SvmSystem:
    """Features of clips, standardised, under a support vector machine with a polynomial kernel."""

    def fit(self, task: Task) -> Fitted:
        """Fit one machine for each C and keep the one whose calibrated loss on the validation subjects is least.

        Raises:
            MerError: If the training set has one class only.
        """
        if len(set(task.train.truth.tolist())) < 2:
            name = task.context.settings.classes[int(task.train.truth[0])]
            raise MerError(
                f"{task.fold}: all training clips are of class {name!r}, there are no classes to separate; "
                "choose another --protocol or fewer --classes"
            )
        started = time.perf_counter()
        kernel = _Kernel(task.train.clips)
        ours, theirs = kernel.against(task.train.clips), kernel.against(task.validation.clips)
        tried = []
        for strength in STRENGTHS:
            machine = _Machine(kernel, ours, task.train.truth, len(task.context.settings.classes), strength)
            logits = machine.decide(theirs)
            temperature = fit_temperature(logits, task.validation.truth)
            tried.append((cross_entropy(logits, task.validation.truth, temperature=temperature), strength, machine))
        loss, strength, machine = min(tried, key=lambda one: one[0])
        seconds = time.perf_counter() - started
        task.console.print(
            f"{task.fold}: {len(task.train.truth)} clips, {machine.n_support} support vectors, C {strength:g}; "
            f"validation subjects loss {loss:.3f}; {seconds:.1f} s",
            highlight=False,
        )
        right = machine.decide(theirs).argmax(1) == task.validation.truth
        course = {
            "C": strength,
            "support_vectors": machine.n_support,
            "validation_loss": loss,
            "validation_accuracy": float(right.mean()),
            "train_seconds": seconds,
        }
        return Fitted(machine.logits, None, None, course)


class _Kernel:
    """Polynomial kernel between clips and those that are learnt from, on standardised features.

    Worked out by one product of matrices and shared by all values of C: libsvm's own takes far longer
    on features this long.
    """

    def __init__(self, features: NDArray[Any]) -> None:
        self._scaler = StandardScaler().fit(features.astype(np.float64))
        self._own = self._scaler.transform(features.astype(np.float64))
        spread = float(self._own.var())
        self._gamma = 1.0 / (self._own.shape[1] * spread) if spread > 0 else 1.0

    def against(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Return (N, M): N clips against the M learnt from; the scale is that of scikit-learn's gamma="scale"."""
        given = self._scaler.transform(features.astype(np.float64))
        kernel: NDArray[np.float64] = (self._gamma * given @ self._own.T + 1.0) ** DEGREE
        return kernel


class _Machine:
    def __init__(
        self, kernel: _Kernel, ours: NDArray[np.float64], truth: NDArray[np.int64], n_classes: int, strength: float
    ) -> None:
        self._kernel = kernel
        self._svc = SVC(kernel="precomputed", C=strength, decision_function_shape="ovr").fit(ours, truth)
        self._n_classes = n_classes
        self.n_support = int(self._svc.n_support_.sum())

    def logits(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Return (N, C) decision values of (N, F) features."""
        return self.decide(self._kernel.against(features))

    def decide(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (N, C) decision values; a class without training clips is never predicted."""
        values: NDArray[np.float64] = self._svc.decision_function(kernel)
        if values.ndim == 1:  # two classes: positive speaks for the second
            values = np.stack([-values, values], axis=1)
        answer = np.repeat(values.min(axis=1, keepdims=True) - 1.0, self._n_classes, axis=1)
        answer[:, self._svc.classes_] = values
        return answer
