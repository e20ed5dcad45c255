"""Probabilities that can be believed, of a binary model whose own are too bold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from river import base

__all__ = ["Calibrated"]

# Trees and naive Bayes say 0 and 1 of what they have seen a few times; a logit has neither.
_SURE = 1e-3


class Calibrated(base.Wrapper, base.Classifier):  # type: ignore[misc]
    """A binary classifier with Platt's scaling, learnt from each example before the model learns it.

    The probability of ``True`` is ``sigmoid(slope * logit(p) + intercept)``, where ``p`` is what ``model`` says (Platt,
    "Probabilistic outputs for support vector machines", 1999). Both numbers follow the log loss of what was said
    before the label was learnt, as online Platt scaling does (Gupta and Ramdas, ICML 2023), here by AdaGrad (Duchi,
    Hazan and Singer, JMLR 2011), which needs no step size to be found.

    Parameters
    ----------
    model
        A classifier with ``predict_proba_one`` and labels False and True.
    rate
        Of AdaGrad, in logits; above 0.

    Raises
    ------
    ValueError
        The model has no probabilities, or ``rate`` is not above 0; later: it says classes other than False and True.

    Examples
    --------
    >>> from river import naive_bayes
    >>> bold, model = naive_bayes.GaussianNB(), Calibrated(naive_bayes.GaussianNB())
    >>> for k in range(2000):
    ...     x = {f"copy {n}": k % 2 + k * 7 % 13 / 13 for n in range(9)}
    ...     y = k * 7919 % 10 < (7 if k % 2 else 3)  # it is true of 70 % or 30 %
    ...     for one in (bold, model):
    ...         one.learn_one(x, y)
    >>> x = dict.fromkeys(x, 1.5)
    >>> round(bold.predict_proba_one(x)[True], 2), round(model.predict_proba_one(x)[True], 2)
    (0.95, 0.59)
    """

    def __init__(self, model: Any, rate: float = 0.05) -> None:
        if not callable(getattr(model, "predict_proba_one", None)):
            raise ValueError(_silent(model))
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"rate is {rate!r}; give a number above 0")
        self.model = model
        self.rate = rate
        self._slope, self._intercept = 1.0, 0.0
        self._squares = [1.0, 1.0]

    @property
    def _wrapped_model(self) -> Any:
        return self.model

    @property
    def _multiclass(self) -> bool:
        return False

    def predict_proba_one(self, x: dict[str, Any], **kwargs: Any) -> dict[bool, float]:
        """Probabilities of False and True; while the model knows nothing, or has diverged, what it says itself."""
        said = self._said(x, **kwargs)
        logit = _logit(said)
        if logit is None:
            return said
        yes = self._scaled(logit)
        return {False: 1.0 - yes, True: yes}

    def learn_one(self, x: dict[str, Any], y: bool, **kwargs: Any) -> None:
        """Learn from what is said of ``x``, then let the model learn it."""
        logit = _logit(self._said(x))
        if logit is not None:
            missed = self._scaled(logit) - bool(y)
            self._slope -= self._step(0, missed * logit)
            self._intercept -= self._step(1, missed)
        self.model.learn_one(x, y, **kwargs)

    def _step(self, at: int, gradient: float) -> float:
        self._squares[at] += gradient * gradient
        return self.rate * gradient / math.sqrt(self._squares[at])

    def _scaled(self, logit: float) -> float:
        return 0.5 + 0.5 * math.tanh(0.5 * (self._slope * logit + self._intercept))

    def _said(self, x: dict[str, Any], **kwargs: Any) -> dict[bool, float]:
        try:
            said: dict[bool, float] = self.model.predict_proba_one(x, **kwargs)
        except NotImplementedError:
            raise ValueError(_silent(self.model)) from None
        if not said.keys() <= {False, True}:
            raise ValueError(f"the model says {list(said)[:3]}; only binary models are calibrated")
        return said


def _logit(said: Mapping[bool, float]) -> float | None:
    """Of the probability of True; None when nothing can be made of what is said."""
    if not said:
        return None
    yes = said.get(True, 0.0)
    total = yes + said.get(False, 1.0 - yes)
    if not (math.isfinite(total) and total > 0.0):
        return None
    share = min(max(yes / total, _SURE), 1.0 - _SURE)
    return math.log(share / (1.0 - share))


def _silent(model: Any) -> str:
    return f"a {type(model).__name__} says no probabilities; only classifiers that do are calibrated"
