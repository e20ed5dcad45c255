"""What a snapshot may name: exact (module, qualname) pairs, frozen and reviewed; everything else is refused.

Three kinds of names are admitted:

- classes (``admitted_classes``);
- a few functions without side effects, some of them static methods that River keeps in attributes. The dotted names
  of those are compared as a whole; no other dotted name is ever followed;
- four names that are never resolved to themselves but to a narrow stand-in (``stand_ins``), because the real
  ``getattr``, ``numpy.dtype`` and the two NumPy constructors can do more than a model needs.

NumPy's bit generators are not here: River's own randomness is ``random.Random``, and a generator's state is not
checked by NumPy. A model that needs one (``optim.initializers.Normal``) names it in ``models.<name>.admit``.
"""

from __future__ import annotations

from typing import Final

from trimtab.registry.admitted_classes import OWN_CLASSES, PYTHON_CLASSES, RIVER_CLASSES

__all__ = ["ADMITTED", "BOUND_METHODS", "REVIEWED_FUNCTIONS", "STAND_IN_NAMES", "Name"]

Name = tuple[str, str]

# Each was read: it computes from its arguments and touches nothing else. deepcopy calls the copying hooks of what it
# copies; those hooks belong to admitted objects or are themselves admitted callables.
REVIEWED_FUNCTIONS: Final[frozenset[Name]] = frozenset(
    {
        ("copy", "deepcopy"),
        ("river._river_rust.vectordict", "euclidean_distance_tuple"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_all"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_drop"),
        ("river.forest.online_extra_trees", "ExtraTrees._detection_mode_off"),
        ("river.metrics.mutual_info", "_average_arithmetic"),
        ("river.metrics.mutual_info", "_average_geometric"),
        ("river.naive_bayes.gaussian", "GaussianNB._make_gaussian"),
        ("river.tree.splitter.ebst_splitter", "EBSTNode._update_estimator_univariate"),
        ("river.tree.splitter.nominal_splitter_reg", "NominalSplitterReg._update_estimator_univariate"),
    }
)

STAND_IN_NAMES: Final[frozenset[Name]] = frozenset(
    {
        ("builtins", "getattr"),
        ("numpy", "dtype"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
    }
)

# (module, class, method): River objects that keep one of their own methods in an attribute; pickle writes such a
# method as getattr(object, "name").
BOUND_METHODS: Final[frozenset[tuple[str, str, str]]] = frozenset(
    {
        ("river.drift.dummy", "DummyDriftDetector", "_fixed_trigger"),
        ("river.drift.dummy", "DummyDriftDetector", "_random_trigger"),
        ("river.drift.page_hinkley", "PageHinkley", "_test_both"),
        ("river.drift.page_hinkley", "PageHinkley", "_test_decrease"),
        ("river.drift.page_hinkley", "PageHinkley", "_test_increase"),
        ("river.ensemble.bagging", "LeveragingBaggingClassifier", "_leveraging_bag"),
        ("river.ensemble.bagging", "LeveragingBaggingClassifier", "_leveraging_bag_half"),
        ("river.ensemble.bagging", "LeveragingBaggingClassifier", "_leveraging_bag_me"),
        ("river.ensemble.bagging", "LeveragingBaggingClassifier", "_leveraging_bag_wt"),
        ("river.ensemble.bagging", "LeveragingBaggingClassifier", "_leveraging_subag"),
        ("river.feature_extraction.kernel_approx", "RBFSampler", "_random_weights"),
        ("river.linear_model.pa", "PAClassifier", "_calc_tau_0"),
        ("river.linear_model.pa", "PAClassifier", "_calc_tau_1"),
        ("river.linear_model.pa", "PAClassifier", "_calc_tau_2"),
        ("river.linear_model.pa", "PARegressor", "_calc_tau_0"),
        ("river.linear_model.pa", "PARegressor", "_calc_tau_1"),
        ("river.linear_model.pa", "PARegressor", "_calc_tau_2"),
        ("river.multiclass.occ", "OutputCodeClassifier", "_next_code"),
        ("river.tree.splitter.qo_splitter", "Slot", "_update_estimator_univariate"),
    }
)

ADMITTED: Final[frozenset[Name]] = REVIEWED_FUNCTIONS | {
    (module, name)
    for table in (OWN_CLASSES, PYTHON_CLASSES, RIVER_CLASSES)
    for module, names in table.items()
    for name in names
}
