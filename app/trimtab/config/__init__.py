"""One ``trimtab.yaml``: read once, validated strictly, frozen afterwards."""

from trimtab.config.alerting import AlertingConfig, InhibitRule, ReceiverSpec, RouteSpec
from trimtab.config.dashboard import DashboardConfig, TokenSpec
from trimtab.config.duration import format_ms, parse_ms
from trimtab.config.gates import Gates, ProtectedSegment, QualityGate
from trimtab.config.hash import config_hash, config_json
from trimtab.config.load import load_config, parse_config
from trimtab.config.matchers import Matcher, matches
from trimtab.config.model import (
    AbsenceSpec,
    AlertSpec,
    CategoricalFeature,
    DriftSpec,
    EventFields,
    Feature,
    ModelConfig,
    NumericFeature,
    PerformanceTest,
    PublishSpec,
    QualitySpec,
    ReferenceSpec,
    RetentionSpec,
    TableColumns,
    WindowSpec,
)
from trimtab.config.races import (
    CanarySpec,
    CandidateSpec,
    FactorySpec,
    ProbationSpec,
    RaceSpec,
    ShadowSpec,
    Triggers,
)
from trimtab.config.root import CollectorConfig, Config, KafkaConfig
from trimtab.config.sequential import DETECTORS, SequentialSpec
from trimtab.config.signing import KeySpec, RegistryConfig

__all__ = [
    "AbsenceSpec",
    "AlertSpec",
    "AlertingConfig",
    "CanarySpec",
    "CandidateSpec",
    "ProtectedSegment",
    "QualityGate",
    "ShadowSpec",
    "CategoricalFeature",
    "CollectorConfig",
    "DETECTORS",
    "Config",
    "DashboardConfig",
    "DriftSpec",
    "EventFields",
    "FactorySpec",
    "Feature",
    "Gates",
    "InhibitRule",
    "KafkaConfig",
    "KeySpec",
    "Matcher",
    "ModelConfig",
    "NumericFeature",
    "PerformanceTest",
    "ProbationSpec",
    "PublishSpec",
    "QualitySpec",
    "RaceSpec",
    "ReceiverSpec",
    "ReferenceSpec",
    "RetentionSpec",
    "RouteSpec",
    "RegistryConfig",
    "SequentialSpec",
    "TableColumns",
    "TokenSpec",
    "Triggers",
    "WindowSpec",
    "config_hash",
    "config_json",
    "format_ms",
    "load_config",
    "matches",
    "parse_config",
    "parse_ms",
]
