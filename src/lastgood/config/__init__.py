"""`lastgood.yaml`, read into typed settings; every fault in one report."""

from lastgood.config.choose import choose_environment, find
from lastgood.config.fault import Fault, FaultyConfigError
from lastgood.config.fingerprint import config_hash
from lastgood.config.loader import load, load_chosen
from lastgood.config.model import (
    Check,
    Database,
    Deploy,
    Environment,
    Maintenance,
    Notify,
    Policy,
    Service,
    Settings,
    Signal,
)
from lastgood.config.secret import Secret

__all__ = [
    "Check",
    "Database",
    "Deploy",
    "Environment",
    "Fault",
    "FaultyConfigError",
    "Maintenance",
    "Notify",
    "Policy",
    "Secret",
    "Service",
    "Settings",
    "Signal",
    "choose_environment",
    "config_hash",
    "find",
    "load",
    "load_chosen",
]
