"""Files to settings, and every fault by its place."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from jelmored.config.checks import key_of, loopback
from jelmored.config.loading import files, load
from jelmored.config.providers import ClaudeSettings
from jelmored.config.settings import ControlSettings, NotifySettings, Settings, Synchronous
from jelmored.domain.ids import ProviderName
from jelmored.domain.permissions import PermissionMode
from jelmored.domain.scopes import Scope
from jelmored.errors import ConfigError

CLAUDE, DEMO, WORK = ProviderName("claude"), ProviderName("demo"), ProviderName("claude-work")
OPENCODE = ProviderName("opencode")
REFERENCE = Path(__file__).parents[2] / "etc" / "jelmored.toml"


def _load(tmp_path: Path, text: str, name: str = "config.toml") -> Settings:
    (tmp_path / name).write_text(text)
    return load([tmp_path / name])


def _faults(tmp_path: Path, text: str, name: str = "config.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text, name)
    return [fault.removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


def test_without_a_file_everything_has_its_default() -> None:
    assert load([]) == Settings()
    assert list(load([]).providers) == [CLAUDE, OPENCODE, DEMO]
    assert not load([]).providers[CLAUDE].named


def test_the_reference_says_every_key_with_its_default() -> None:
    settings = load([REFERENCE])
    unnamed = {name: attrs.evolve(entry, named=False) for name, entry in settings.providers.items()}

    assert attrs.evolve(settings, providers=unnamed) == Settings()
    assert _written(REFERENCE) == _keys(Settings())


def _keys(settings: Settings) -> set[str]:
    tables = {
        name: getattr(settings, name) for name in ("control", "journal", "sessions", "failover", "budget", "notify")
    }
    tables |= {f"providers.{name}": entry.settings for name, entry in settings.providers.items()}
    top = {field.name for field in attrs.fields(Settings)} - set(tables) - {"providers"}
    return top | {
        f"{table}.{key_of(field.name)}" for table, value in tables.items() for field in attrs.fields(type(value))
    }


def _written(file: Path) -> set[str]:
    found, table = set(), ""
    for line in file.read_text().splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif line and not line.startswith("#"):
            found.add(table + line.partition(" = ")[0])
    return found


def test_a_file_is_read(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        """
        default_provider = "claude-work"
        control.allowed_origins = ["https://a.example"]
        [journal]
        synchronous = "normal"
        [providers.claude-work]
        type = "claude"
        permission_mode = "allow-reads"
        timeout_seconds = 20
        environment = { HTTPS_PROXY = "http://proxy.example" }
        """,
    )

    assert settings.control == ControlSettings(allowed_origins=("https://a.example",))
    assert settings.journal.synchronous is Synchronous.NORMAL
    assert settings.providers[WORK].named
    assert settings.providers[WORK].type == "claude"
    assert settings.providers[WORK].settings == ClaudeSettings(
        permission_mode=PermissionMode.ALLOW_READS,
        timeout_seconds=20,
        environment={"HTTPS_PROXY": "http://proxy.example"},
    )
    assert list(settings.providers) == [WORK, CLAUDE, OPENCODE, DEMO]


def test_json_says_the_same(tmp_path: Path) -> None:
    settings = _load(tmp_path, '{"max_total_sessions": 3, "providers": {"claude": {"max_retries": 0}}}', "config.json")

    assert settings.max_total_sessions == 3
    assert settings.providers[CLAUDE].settings == ClaudeSettings(max_retries=0)
    assert settings.providers[CLAUDE].named


def test_the_later_file_wins_key_by_key(tmp_path: Path) -> None:
    below, above = tmp_path / "below.toml", tmp_path / "above.toml"
    below.write_text('max_total_sessions = 3\n[providers.work]\ntype = "claude"\nmax_turns = 7\nmax_retries = 1\n')
    above.write_text("[providers.work]\nmax_retries = 0\n")
    settings = load([below, above])

    assert settings.max_total_sessions == 3
    assert settings.providers[ProviderName("work")].settings == ClaudeSettings(max_turns=7, max_retries=0)


def test_all_faults_are_told_at_once_with_file_line_and_the_nearest_right_key(tmp_path: Path) -> None:
    faults = _faults(
        tmp_path,
        """
max_total_session = 3
[journal]
synchronous = "ful"
[providers.claude]
timeout_secs = 3
max_retries = -1
extra_models = ["a", 1]
environment = { TOKEN = 1 }
[providers.work]
type = "claud"
[sessions]
hibernate_after = true
""",
    )

    assert sorted(faults) == [
        "config.toml:11: providers.work.type: no type 'claud'; there is claude, opencode, demo; did you mean claude?",
        "config.toml:13: sessions.hibernate_after: expected a number from 0 to 31536000, got true or false",
        "config.toml:2: max_total_session: unknown key; did you mean max_total_sessions?",
        "config.toml:4: journal.synchronous: expected one of full, normal, got 'ful'; did you mean full?",
        "config.toml:6: providers.claude.timeout_secs: unknown key; did you mean timeout_seconds?",
        "config.toml:7: providers.claude.max_retries: expected a whole number from 0 to 10000, got -1",
        "config.toml:8: providers.claude.extra_models.1: expected a string, got a whole number",
        "config.toml:9: providers.claude.environment.TOKEN: expected a string, got a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("control = 1", "1: control: expected a table, got a whole number"),
        ("providers = []", "1: providers: expected a table with a table for each provider"),
        ("[providers]\nclaude = 1", "2: providers.claude: expected a table"),
        ("[providers.x]", "1: providers.x: needs a type, one of claude, opencode, demo"),
        (
            "claude = { max_turns = 1.5 }",
            "1: claude: unknown key; there is default_provider, auto_selection, load_balancing, "
            "cost_optimization, max_total_sessions, health_check_interval, session_cleanup_interval, control, journal, "
            "sessions, failover, budget, notify, providers",
        ),
        (
            "[providers.claude]\nenvironment = 1",
            "2: providers.claude.environment: expected a table, got a whole number",
        ),
        (
            "[providers.claude]\nextra_models = 1",
            "2: providers.claude.extra_models: expected an array, got a whole number",
        ),
        (
            "[providers.claude]\nsetting_sources = ['usr']",
            "2: providers.claude.setting_sources.0: expected one of user, project, local, got 'usr'; "
            "did you mean user?",
        ),
        (
            "[providers.'Big One']\ntype = 'demo'",
            '1: providers."Big One": a provider\'s name is made of small letters, digits, - and _, 64 at most',
        ),
        (
            "default_provider = 'cluade'",
            "1: default_provider: no provider 'cluade'; there is claude, opencode, demo; did you mean claude?",
        ),
        ("\na = x", "2: Invalid value (column 5)"),
        ("a = [1,\n2", "2: Unclosed array (at the end of the file)"),
    ],
)
def test_a_fault(tmp_path: Path, text: str, fault: str) -> None:
    assert _faults(tmp_path, text) == [f"config.toml:{fault}"]


def test_notices_are_checked_when_they_are_read(tmp_path: Path) -> None:
    good = '[notify]\ndesktop = false\ncommand = ["sh", "-c", "cat"]\nwebhook = "https://hooks.example:8443/a?b=c"'

    assert _load(tmp_path, good).notify == NotifySettings(
        desktop=False, command=("sh", "-c", "cat"), webhook="https://hooks.example:8443/a?b=c"
    )


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "a.example/x", "https://", "http://a b", "http://a:port", "http://[", "http://a\\u0007"]
)
def test_what_is_no_address_of_a_webhook_is_not_repeated(tmp_path: Path, url: str) -> None:
    wanted = 'expected an http or https URL with a host, such as "https://example.org/hook"'

    assert _faults(tmp_path, f'[notify]\nwebhook = "{url}"') == [f"config.toml:2: notify.webhook: {wanted}"]


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ('["no-such-tool"]', "there is no program 'no-such-tool' that can be executed; install it, or give its "),
        ('[""]', "there is no program '' that can be executed; install it, or give its "),
        ('["./notify"]', "expected a program by its name on the PATH or by its "),
    ],
)
def test_a_command_that_could_not_be_run_is_told_at_once(tmp_path: Path, argv: str, fault: str) -> None:
    assert _faults(tmp_path, f"[notify]\ncommand = {argv}") == [f"config.toml:2: notify.command: {fault}absolute path"]


def test_a_command_is_an_array_of_words_that_a_program_can_be_given(tmp_path: Path) -> None:
    assert _faults(tmp_path, '[notify]\ncommand = "cat"') == [
        "config.toml:2: notify.command: expected an array, got a string"
    ]
    assert _faults(tmp_path, '[notify]\ncommand = ["cat", "\\u0000"]') == [
        "config.toml:2: notify.command: expected words without a NUL"
    ]


def test_faults_of_json(tmp_path: Path) -> None:
    assert _faults(tmp_path, '{"journal":\n{"synchronus": 1}}', "config.json") == [
        "config.json:2: journal.synchronus: unknown key; did you mean synchronous?"
    ]
    assert _faults(tmp_path, "[]", "config.json") == ["config.json: expected a table of settings"]
    assert _faults(tmp_path, '{\n"a": x}', "config.json")[0].startswith("config.json:2: unexpected character")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        load([tmp_path / "none.toml"])


def test_faults_never_repeat_what_stands_in_an_environment(tmp_path: Path) -> None:
    faults = _faults(tmp_path, '[providers.claude]\nenvironment = { A = ["sk-secret"] }')

    assert "sk-secret" not in "".join(faults)


def test_secrets_are_known_by_the_names_of_variables(tmp_path: Path) -> None:
    settings = _load(tmp_path, '[providers.claude.environment]\nANTHROPIC_API_KEY = "sk-1"\nHTTPS_PROXY = "http://p"')

    assert settings.secrets() == {"sk-1"}


def test_the_users_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "jelmored").mkdir()
    (tmp_path / "jelmored" / "config.toml").touch()

    assert files(environ={"XDG_CONFIG_HOME": str(tmp_path)})[-1] == tmp_path / "jelmored" / "config.toml"
    assert files(Path("other.toml"), environ={"XDG_CONFIG_HOME": str(tmp_path)}) == [Path("other.toml")]


@pytest.mark.parametrize("tcp", ["", "127.0.0.1:0", "localhost:8080", "[::1]:65535", "127.0.0.2:1"])
def test_a_port_on_loopback(tmp_path: Path, tcp: str) -> None:
    assert _load(tmp_path, f'[control]\ntcp = "{tcp}"').control.tcp == tcp


def test_where_a_port_is() -> None:
    assert loopback("localhost:1") == loopback("127.0.0.1:1") == ("127.0.0.1", 1)
    assert loopback("[::1]:0") == ("::1", 0)


@pytest.mark.parametrize(
    "tcp",
    [
        *("0.0.0.0:1", "[::]:1", "192.168.1.5:80", "10.0.0.1:0", "example.org:80", "127.0.0.1.example.org:80", "*:80"),
        *(
            "127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:-1",
            "127.0.0.1:٣",
            ":1",
            "1",
            "::1:8",
            "::1",
            "[::1",
        ),
        *(
            "[127.0.0.1]:1",
            "[::ffff:127.0.0.1]:1",
            "[::1%lo]:1",
            "2130706433:1",
            "127.1:1",
            "0x7f.0.0.1:1",
            " 127.0.0.1:1",
        ),
    ],
)
def test_nothing_but_loopback_is_taken(tmp_path: Path, tcp: str) -> None:
    (fault,) = _faults(tmp_path, f'[control]\ntcp = "{tcp}"')
    assert fault.startswith("config.toml:2: control.tcp: expected an address of loopback with a port")
    assert fault.endswith("from another machine use `ssh BOX jelmore connect`")


def test_other_users(tmp_path: Path) -> None:
    settings = _load(tmp_path, '[control]\nallow_users = [{ name = "root" }, { name = "daemon", scope = "operator" }]')
    assert [user.scope for user in settings.control.allow_users] == [Scope.OBSERVER, Scope.OPERATOR]
    (twice,) = _faults(tmp_path, '[control]\nallow_users = [{ name = "root" }, { name = "root", scope = "operator" }]')
    assert twice == "config.toml:2: control.allow_users: root stands there 2 times; once is enough"
    text = """[control]
    allow_users = [{ name = "nobody-at-all" }, { scope = "observer" }, { name = "root", scope = "boss" }, "root"]"""
    assert [fault.partition(": ")[2] for fault in _faults(tmp_path, text)] == [
        "control.allow_users.0.name: there is no user 'nobody-at-all' on this machine",
        "control.allow_users.1.name: is missing",
        "control.allow_users.2.scope: expected one of observer, operator, admin, got 'boss'",
        "control.allow_users.3: expected a table, got a string",
    ]


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:8080", "http://[::1]:80", "vscode-file://x-y"]
)
def test_a_web_origin(tmp_path: Path, origin: str) -> None:
    assert _load(tmp_path, f'[control]\nallowed_origins = ["{origin}"]').control.allowed_origins == (origin,)


@pytest.mark.parametrize("typo", ["", "null", "*", "https://a.example/", "HTTPS://a.example", "a.example", "https://"])
def test_what_no_browser_ever_sends_is_no_origin(tmp_path: Path, typo: str) -> None:
    (fault,) = _faults(tmp_path, f'[control]\nallowed_origins = ["{typo}"]')
    assert fault.startswith("config.toml:2: control.allowed_origins.0: expected an origin as a browser sends it")


@pytest.mark.parametrize("root", ["relative", "", "./x", "~nobody-is-called-this/x", "/a\\u0000b", "file:///x", "C:/x"])
def test_a_directory_for_sessions_is_absolute(tmp_path: Path, root: str) -> None:
    (fault,) = _faults(tmp_path, f'[sessions]\nworkspace_roots = ["{root}"]')
    assert "expected an absolute directory" in fault
    assert _load(tmp_path, '[sessions]\nworkspace_roots = ["/not/there", "~/x"]').sessions.workspace_roots


@pytest.mark.parametrize("name", ["A B", "1A", "A=B", "", "JELMORE_URL", "JELMORED_INSTANCE", "x" * 200])
def test_a_variable_of_a_client_has_a_name_that_is_not_ours(tmp_path: Path, name: str) -> None:
    (fault,) = _faults(tmp_path, f'[sessions]\nforward_env = ["{name}"]')
    assert "sessions.forward_env" in fault
