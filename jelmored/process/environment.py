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

_GIT = {"core.fsmonitor": "false", "log.showSignature": "false"}
GUARDS = {
    "GIT_CONFIG_COUNT": str(len(_GIT)),
    **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(_GIT)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_GIT.values())},
}
"""What agents do by themselves before anybody is asked, `git status` and `git log`, runs no program that a repository's
own configuration names; but for filters, whose names are anybody's."""


def child_environment(
    parent: Mapping[str, str],
    extra: Mapping[str, str],
    *,
    instance_id: InstanceId,
    brought: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment of an agent.

    Args:
        parent: the daemon's; only what is on the list is taken.
        extra: the provider's own; it wins.
        instance_id: of this daemon; nothing overrides it.
        brought: by the session, from its client; it wins over the daemon's, but of PATH the daemon's follows, so that
            what is found there is found by an agent too.
    """
    passed = {name: value for name, value in parent.items() if name in PASSED or name.startswith(PASSED_PREFIXES)}
    home = {} if passed.get("HOME") else {"HOME": pwd.getpwuid(os.getuid()).pw_dir}
    taken = brought or {}
    search = search_path(taken.get("PATH", ""), passed.get("PATH", ""))
    path = {"PATH": search} if "PATH" in passed or "PATH" in taken else {}
    return {**passed, **home, **taken, **path, **GUARDS, **extra, INSTANCE: instance_id}


def search_path(*paths: str) -> str:
    """One PATH of several. What is meant from the current directory is left out: that may be a hostile one."""
    directories = (directory for path in paths for directory in path.split(os.pathsep))
    return os.pathsep.join(dict.fromkeys(filter(os.path.isabs, directories)))
