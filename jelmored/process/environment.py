"""What an agent sees of our environment: a list of names, and nothing else. The daemon's own secrets never pass."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping

from jelmored.domain.ids import InstanceId

INSTANCE = "JELMORED_INSTANCE"
"""Marks whatever an agent starts with the daemon's instance: by it the reaper knows what a dead warden left, and
the next life of the daemon what this one did."""

WARDEN_OF = "JELMORED_WARDEN_OF"
"""The same mark on a warden. By another name, for a warden is nothing that the reaper may bury."""

PASSED = frozenset({
    "PATH",
    "HOME",
    "USER",
    "SHELL",
    "LANG",
    "TERM",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    # proxies; curl and Python know them in small letters, Node in capitals
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    # certificate authorities
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"),
})
PASSED_PREFIXES = ("LC_", "XDG_")


def child_environment(
    parent: Mapping[str, str], extra: Mapping[str, str], *, instance_id: InstanceId
) -> dict[str, str]:
    """The whole environment of an agent.

    Args:
        parent: the daemon's; only what is on the list is taken.
        extra: the provider's own; it wins.
        instance_id: of this daemon; nothing overrides it.
    """
    passed = {name: value for name, value in parent.items() if name in PASSED or name.startswith(PASSED_PREFIXES)}
    home = {} if passed.get("HOME") else {"HOME": pwd.getpwuid(os.getuid()).pw_dir}
    return {**passed, **home, **extra, INSTANCE: instance_id}
