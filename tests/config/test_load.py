from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lastgood.config import FaultyConfigError, load, load_chosen
from lastgood.errors import ExitCode, UsageError
from lastgood.ports.spec import DriverRegistry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.config.conftest import Reader

SHOP = """\
environments:
  production:
    services:
      backend:
        deploy: {driver: releases, path: srv/backend}
        checks: [health]
    checks:
      health: {url: "http://127.0.0.1/health", token: "${TOKEN}"}
  staging:
    checks:
      health: {url: http://127.0.0.1/health}
"""


def faults(error: pytest.ExceptionInfo[FaultyConfigError]) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.field, fault.what) for fault in error.value.faults]


def test_the_documented_example_loads(tmp_path: Path, example: str) -> None:
    file = tmp_path / "lastgood.yaml"
    file.write_text(example, encoding="utf-8")
    variables = {
        "PRODUCTION_DATABASE_URL": "postgresql://u:hunter22@db/paiid",
        "SLACK_TOKEN": "xoxb",
    }

    settings = load(file, DriverRegistry(), environ=variables)

    production = settings.environment("production")
    assert settings.project == "paiid"
    assert settings.state.path == tmp_path / ".lastgood" / "state.db"
    assert (production.budget, production.stability) == (300, 1800)
    assert list(production.services) == ["backend", "frontend"]
    assert production.services["backend"].deploy[0].driver == "git"
    assert production.services["backend"].instances is not None
    assert len(production.services["backend"].instances.urls) == 2
    assert [check.driver for check in production.checks.values()] == ["http", "http", "http", "log"]
    assert production.policy.outage_over == 600
    assert settings.secrets == {"postgresql://u:hunter22@db/paiid", "hunter22", "xoxb"}
    assert "hunter22" not in repr(settings) + settings.model_dump_json()


def test_defaults_are_the_contracts(read: Reader) -> None:
    settings = read("environments: {production: {checks: {web: {url: http://a/}}}}\n")

    check = settings.environment("production").checks["web"]
    assert (check.every, check.during_rollback, check.timeout) == (5, 1, 2)
    assert (check.fail_after, check.recover_after) == (3, 2)
    policy = settings.environment("production").policy
    assert (policy.rollback_over_share, policy.hotfix_under, policy.auto) == (0.5, 600, "advise")
    assert settings.engine == "direct"


def test_options_are_typed_by_the_driver_that_the_key_names(read: Reader, tmp_path: Path) -> None:
    settings = read(SHOP, TOKEN="sesame-open")

    production = settings.environment("production")
    deploy = production.services["backend"].deploy[0].options.model_dump()
    assert deploy == {"path": tmp_path / "srv/backend", "keep": 10, "wait": 1.0}
    assert production.checks["health"].driver == "http"
    assert settings.secrets == {"sesame-open"}
    assert settings.folder == tmp_path


def test_a_common_key_that_the_driver_reads_too_is_given_to_both(read: Reader) -> None:
    settings = read("environments: {p: {checks: {c: {url: http://a/, timeout: 9s}}}}\n")

    check = settings.environment("p").checks["c"]
    assert (check.timeout, check.options.model_dump()["timeout"]) == (9, 9)

    with pytest.raises(FaultyConfigError) as error:
        read("environments: {p: {checks: {c: {url: http://a/, timeout: x}}}}\n")
    assert faults(error) == [
        (3, "environments.p.checks.c.timeout", "'x' is not a duration"),
    ]


def test_a_list_of_ways_keeps_its_order(read: Reader) -> None:
    settings = read(
        "environments: {live: {services: {web: {deploy: [{driver: releases, path: a},"
        " {driver: releases, path: /b, wait: 2m}]}}}}\n"
    )

    ways = settings.environment("live").services["web"].deploy
    assert [way.options.model_dump()["wait"] for way in ways] == [1.0, 120.0]


def test_every_fault_is_in_one_report(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(
            """\
project: twice
stat: sqlite:///x
environments:
  production:
    budget: soon
    services:
      backend:
        deploy: {driver: releasse, path: x}
        checks: [helth]
      frontend:
        deploy: {driver: releases, kep: 3, wait: 1 fortnight}
        stop: ./stop.sh --now
    checks:
      health: {url: ftp://x, timeot: 2s, expect: {statis: 200}, fail_after: many}
      ghost: {every: 5s}
      both: {url: http://a/, command: [ls]}
      bare: 7
drills: {environment: stagin}
"""
        )

    assert faults(error) == [
        (3, "project", "this key stands already on line 2"),
        (4, "stat", "there is no key 'stat' here"),
        (7, "environments.production.budget", "'soon' is not a duration"),
        (
            10,
            "environments.production.services.backend.deploy.driver",
            "there is no deploy driver 'releasse'",
        ),
        (
            11,
            "environments.production.services.backend.checks.0",
            "there is no check 'helth'",
        ),
        (
            13,
            "environments.production.services.frontend.deploy.kep",
            "there is no key 'kep' here",
        ),
        (
            13,
            "environments.production.services.frontend.deploy.path",
            "this key is missing",
        ),
        (
            13,
            "environments.production.services.frontend.deploy.wait",
            "'1 fortnight' is not a duration",
        ),
        (
            14,
            "environments.production.services.frontend.stop",
            "a command is a list of words, never a line for a shell",
        ),
        (
            16,
            "environments.production.checks.health.expect.statis",
            "there is no key 'statis' here",
        ),
        (
            16,
            "environments.production.checks.health.fail_after",
            "this should be a whole number",
        ),
        (16, "environments.production.checks.health.timeot", "there is no key 'timeot' here"),
        (16, "environments.production.checks.health.url", "this is no http or https address"),
        (17, "environments.production.checks.ghost.driver", "no driver is named"),
        (18, "environments.production.checks.both", "url and command each name a driver"),
        (19, "environments.production.checks.bare", "this should be a mapping"),
        (20, "drills.environment", "there is no environment 'stagin'"),
    ]
    mends = {fault.field.rpartition(".")[2]: fault.mend for fault in error.value.faults}
    assert mends["stat"] == "did you mean state?"
    assert mends["kep"] == "did you mean keep?"
    assert mends["timeot"] == "did you mean timeout?"
    assert mends["statis"] == "did you mean status?"
    assert mends["driver"] == "add `driver: NAME`, or for a check url, tcp, command or log"
    assert mends["0"] == "did you mean health?"
    assert error.value.exit_code == ExitCode.USAGE
    assert all(fault.what in str(error.value) for fault in error.value.faults)


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ("", "environments", "this key is missing"),
        ("environments: {}\n", "environments", "this is empty"),
        ("environments: [a]\n", "environments", "this should be a mapping"),
        ("environments: {a/b: {}}\n", "environments.a/b", "'a/b' cannot be a name"),
        ("environments: {a..b: {}}\n", "environments.a..b", "'a..b' cannot be a name"),
        ("environments: {p: }\n", "environments.p", "this should be a mapping"),
        (
            "environments: {p: {policy: {rollback_over_share: 50}}}\n",
            "environments.p.policy.rollback_over_share",
            "input should be less than or equal to 1",
        ),
        (
            "environments: {p: {policy: {auto: always}}}\n",
            "environments.p.policy.auto",
            "this should be 'advise' or 'rollback'",
        ),
        (
            "environments: {p: {services: {s: {deploy: []}}}}\n",
            "environments.p.services.s.deploy",
            "this is empty",
        ),
        (
            "environments: {p: {services: {s: {}}}}\n",
            "environments.p.services.s.deploy",
            "this key is missing",
        ),
        (
            "environments: {p: {checks: {c: {url: 7}}}}\n",
            "environments.p.checks.c.url",
            "this should be text",
        ),
        (
            "environments: {p: {checks: {c: {driver: htp, url: 'http://a/'}}}}\n",
            "environments.p.checks.c.driver",
            "there is no check driver 'htp'",
        ),
        (
            "environments: {p: {checks: {c: {command: [ls, '${HOME}']}}}}\n",
            "environments.p.checks.c.command",
            "a reference in a command would show in the process list",
        ),
        (
            "environments: {p: {services: {s: {deploy: {driver: releases, path: ~/x}}}}}\n",
            "environments.p.services.s.deploy.path",
            "`~` is not replaced",
        ),
        (
            "environments: {p: {notify: [{driver: slack, chanel: '#incidents'}]}}\n",
            "environments.p.notify.0.chanel",
            "there is no key 'chanel' here",
        ),
        (
            (
                "environments: {p: {services: {s: {deploy: {driver: releases, path: x}, "
                "instances: [http://a, 'file:///b']}}}}\n"
            ),
            "environments.p.services.s.instances.1",
            "this is no http or https address",
        ),
        (
            "engine: temporal://h:7233/n\nenvironments: {p: {}}\n",
            "engine",
            "this should be 'direct'",
        ),
    ],
)
def test_a_fault_names_its_place(read: Reader, text: str, field: str, what: str) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(text, HOME="/home/me")

    assert [(fault.field, fault.what) for fault in error.value.faults] == [(field, what)]
    assert all(fault.mend for fault in error.value.faults)


def test_a_newer_version_of_the_format_is_refused(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read("environments: {p: {}}\n", head="version: 2\nproject: shop\n")

    assert faults(error) == [(1, "version", "this should be 1")]


def test_true_is_no_number(read: Reader) -> None:
    text = """\
environments:
  production:
    policy: {rollback_over_share: true}
    checks:
      web: {url: http://a/, fail_after: true, every: false, expect: {status: true}}
"""
    with pytest.raises(FaultyConfigError) as caught:
        read(text, head="version: true\nproject: shop\n")
    assert [(line, field.rpartition(".")[2], what) for line, field, what in faults(caught)] == [
        (1, "version", "this should be a number"),
        (5, "rollback_over_share", "this should be a number"),
        (7, "every", "this should be a number"),
        (7, "status", "this should be a number"),
        (7, "fail_after", "this should be a number"),
    ]


def test_an_unset_reference_is_one_fault_with_its_line(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read("environments:\n  p:\n    budget: ${BUDGET}\n")

    assert faults(error) == [(5, "environments.p.budget", "the variable BUDGET is not set")]


def test_a_reference_may_stand_for_any_kind_of_value(read: Reader) -> None:
    settings = read(
        "environments: {p: {budget: '${B}', checks: {c: {url: 'http://${H}/',"
        " fail_after: '${N}'}}}}\n",
        B="2m",
        H="example.org",
        N="7",
    )

    assert settings.environment("p").budget == 120
    assert settings.environment("p").checks["c"].fail_after == 7
    assert (
        settings.environment("p").checks["c"].options.model_dump()["url"] == "http://example.org/"
    )
    assert settings.secrets == {"example.org"}


def test_a_secret_in_a_wrong_place_is_not_in_the_report(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read("environments: {p: {budget: '${TOKEN}', nme: 1}}\n", TOKEN="hunter22-hunter22")

    assert "hunter22" not in str(error.value)
    assert "hunter22" not in repr([fault.as_json() for fault in error.value.faults])
    assert "nme" in str(error.value)


def test_another_environments_references_are_not_followed(read: Reader) -> None:
    settings = read(SHOP, "staging")

    assert list(settings.environments) == ["staging"]
    assert settings.names == ("production", "staging")
    assert settings.secrets == frozenset()
    with pytest.raises(UsageError, match="was not read") as error:
        settings.environment("production")
    assert error.value.mend == "add --env production"


def test_another_environments_other_faults_are_still_found(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as error:
        read(SHOP.replace("checks: [health]", "cheks: [health]"), "staging")

    assert [fault.field for fault in error.value.faults] == [
        "environments.production.services.backend.cheks"
    ]


def test_an_unknown_environment_suggests_the_nearest(read: Reader) -> None:
    with pytest.raises(UsageError, match="no environment 'stagin'") as error:
        read(SHOP, "stagin")

    assert error.value.mend == "did you mean staging?"
    assert error.value.exit_code == ExitCode.USAGE


def test_load_chosen_reads_what_the_variable_names(read: Reader, registry: DriverRegistry) -> None:
    file = read(SHOP, "staging").file

    settings, name = load_chosen(file, registry, environ={"ENVIRONMENT": "staging"})

    assert (name, list(settings.environments)) == ("staging", ["staging"])
    with pytest.raises(FaultyConfigError, match="the variable TOKEN is not set"):
        load_chosen(file, registry, environ={})


def test_load_chosen_of_a_file_without_environments_lists_its_faults(
    tmp_path: Path, registry: DriverRegistry
) -> None:
    file = tmp_path / "lastgood.yaml"
    file.write_text("version: 1\n", encoding="utf-8")

    with pytest.raises(FaultyConfigError) as error:
        load_chosen(file, registry, "production", environ={})

    assert {fault.field for fault in error.value.faults} == {"project", "environments"}


def test_what_no_driver_reads_yet_is_kept_and_its_secrets_hidden(read: Reader) -> None:
    settings = read(
        "environments: {p: {notify: [{driver: slack, channel: '#x', token: literal-token,"
        " extra: ['${SOME}', 1]}]}}\n",
        SOME="sesame-open",
    )

    kept = settings.environment("p").notify[0].options.model_dump()["values"]
    assert kept["channel"] == "#x"
    assert kept["token"].reveal() == "literal-token"
    assert kept["extra"][0].reveal() == "sesame-open"
    assert settings.secrets == {"literal-token", "sesame-open"}
    assert "sesame" not in settings.model_dump_json()
    assert "literal-token" not in repr(settings)


def test_staging_can_begin_as_a_copy_of_production(read: Reader) -> None:
    settings = read(
        "environments:\n"
        "  production: &live {budget: 3m, checks: &checks {web: {url: http://a/}}}\n"
        "  staging: {<<: *live, budget: 4m}\n"
        "  third: {checks: {<<: *checks, more: {url: http://b/}}}\n"
    )

    assert settings.environment("staging").budget == 240
    assert list(settings.environment("staging").checks) == ["web"]
    assert set(settings.environment("third").checks) == {"web", "more"}


def test_a_key_with_a_line_break_is_one_fault_on_one_line(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as refused:
        read('environments: {production: {}}\n"a\\nline 9: version": 1\n')
    assert len(str(refused.value).splitlines()) == 2
    assert "\\n" in str(refused.value)


def test_a_driver_that_is_promised_is_not_taken_for_a_slip(read: Reader) -> None:
    with pytest.raises(FaultyConfigError) as refused:
        read(
            "environments:\n  production:\n    services:\n"
            "      web: {deploy: {driver: github-actions, workflow: deploy.yml}}\n"
        )
    assert "comes with a later version" in str(refused.value)
    assert "did you mean" not in str(refused.value)
