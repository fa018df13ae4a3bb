"""Where agents come from: the contract (base), who is configured (registry), and one folder per type. What a plug-in
needs, and how a provider is chosen, is here by the names that the earlier service had for it."""

from jelmored.domain.events import EventType as StreamEventType
from jelmored.domain.models import ModelInfo, ProviderCapabilities
from jelmored.errors import ModelNotSupportedError, ProviderError, ProviderUnavailableError, SessionError

from .base import BaseProvider, BaseSession, SessionConfig
from .registry import register_provider
from .selecting import select_best_provider

__all__ = [
    "BaseProvider",
    "BaseSession",
    "ModelInfo",
    "ModelNotSupportedError",
    "ProviderCapabilities",
    "ProviderError",
    "ProviderUnavailableError",
    "SessionConfig",
    "SessionError",
    "StreamEventType",
    "register_provider",
    "select_best_provider",
]
