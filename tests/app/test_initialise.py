"""A first configuration, from real repositories and folders."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from lastgood.app.initial.text import comment, scalar
from lastgood.app.initialise import init_document, initialise
from lastgood.app.registry import registry
from lastgood.config import load
from lastgood.errors import RefusedError
from lastgood.testing.remote import run_git

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.app.initialise import Written
    from lastgood.config import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "shop"
    path.mkdir()
    return path


@pytest.fixture
def repository(folder: Path) -> Path:
    run_git(folder, "init", "--quiet", "--initial-branch=trunk")
    run_git(folder, "remote", "add", "origin", "git@github.com:YourOrg/PaiiD.git")
    return folder


def write(folder: Path, *, force: bool = False, hosted: tuple[Path, ...] = ()) -> Written:
    return initialise(folder / "lastgood.yaml", force=force, dry_run=False, hosted=hosted)


def read(folder: Path) -> Settings:
    return load(folder / "lastgood.yaml", registry())


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def filled_in(text: str) -> str:
    """The file once every waiting setting counts."""
    text = re.sub(r"^( *)#(?=[^ \n])", r"\1", text, flags=re.MULTILINE)
    return text.replace("YOUR-HOST", "shop.example")


def add_releases(place: Path) -> None:
    (place / "releases" / "aaaa").mkdir(parents=True)
    (place / "current").symlink_to("releases/aaaa")


def test_nothing_found_gives_a_file_that_loads_and_says_what_to_do(folder: Path) -> None:
    written = write(folder)
    settings = read(folder)
    assert settings.project == "shop"
    assert settings.environment("production").services == {}
    assert written.next[0].startswith("say in lastgood.yaml how a release is put live")
    assert "lastgood doctor" in written.next
    assert written.ignored is None
    assert not (folder / ".gitignore").exists()
    assert names(folder) == ["lastgood.yaml"]  # no draft is left


def test_the_waiting_settings_load_when_they_are_let_count(folder: Path) -> None:
    text = filled_in(write(folder).text)
    (folder / "lastgood.yaml").write_text(text)
    service = read(folder).environment("production").services["app"]
    assert [way.driver for way in service.deploy] == ["command", "releases", "git"]
    assert service.checks == ("app-health",)


def test_a_monorepo_becomes_services_with_paths_migrations_and_health(repository: Path) -> None:
    versions = repository / "backend" / "alembic" / "versions"
    versions.mkdir(parents=True)
    (versions.parent / "env.py").touch()
    (repository / "backend" / "pyproject.toml").touch()
    (repository / "backend" / "app.py").write_text(
        'import x\n@app.get("/api/health")\ndef f(): ...'
    )
    (repository / "frontend").mkdir()
    (repository / "Dockerfile").touch()
    written = write(repository)
    services = read(repository).environment("production").services
    assert list(services) == ["backend", "frontend"]
    options = services["backend"].deploy[0].options.model_dump()
    assert services["backend"].deploy[0].driver == "git"
    assert options["repository"] == "git@github.com:YourOrg/PaiiD.git"
    assert options["branch"] == "trunk"
    assert options["paths"] == ("backend",)
    assert options["migrations"] == "backend/alembic"
    assert "#url: https://YOUR-HOST/api/health" in written.text
    assert "backend/app.py, line 2" in written.text
    assert "Dockerfile" in written.text
    assert "the remote origin of this repository" in written.text
    (repository / "lastgood.yaml").write_text(filled_in(written.text))
    filled = read(repository).environment("production")
    assert [way.driver for way in filled.services["backend"].deploy] == ["releases", "git"]
    assert set(filled.checks) == {"backend-health", "frontend-health"}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("main.py", '@router.get("/health")\nasync def health(): ...'),
        ("views.py", "@bp.route('/health')\ndef health(): ..."),
        ("server.js", "app.get('/health', (req, res) => res.send('ok'))"),
        ("routes.ts", "router.get(`/health`, handler)"),
    ],
)
def test_health_routes_are_found_in_each_style(repository: Path, name: str, source: str) -> None:
    (repository / "src").mkdir()
    (repository / "src" / name).write_text(source)
    (repository / "src" / "zz.py").write_text('@app.get("/status")')  # less of a health check
    assert f"src/{name}, line 1" in write(repository).text


def test_what_is_not_ours_is_not_searched(repository: Path) -> None:
    for place in ("node_modules/express", ".venv/lib", "tests"):
        (repository / place).mkdir(parents=True)
        (repository / place / "app.js").write_text("app.get('/health')")
    (repository / "link").symlink_to("/")
    assert "/health\n" not in write(repository).text


def test_the_default_branch_of_the_remote_is_taken(repository: Path) -> None:
    run_git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/live")
    write(repository)
    service = read(repository).environment("production").services["app"]
    assert service.deploy[0].options.model_dump()["branch"] == "live"


def test_release_directories_near_by_come_first(repository: Path, tmp_path: Path) -> None:
    (repository / "backend").mkdir()
    (repository / "frontend").mkdir()
    add_releases(repository / "frontend")
    add_releases(tmp_path / "srv" / "paiid" / "backend")
    written = write(repository, hosted=(tmp_path / "srv",))
    services = read(repository).environment("production").services
    assert [way.driver for way in services["backend"].deploy] == ["releases"]
    backend = services["backend"].deploy[0].options.model_dump()
    frontend = services["frontend"].deploy[0].options.model_dump()
    assert backend["path"] == tmp_path / "srv" / "paiid" / "backend"
    assert frontend["path"] == repository / "frontend"
    assert backend["repository"] == "git@github.com:YourOrg/PaiiD.git"
    (repository / "lastgood.yaml").write_text(filled_in(written.text))
    filled = read(repository).environment("production").services["backend"]
    assert [way.driver for way in filled.deploy] == ["releases", "git"]


def test_on_the_release_host_each_folder_with_releases_is_a_service(folder: Path) -> None:
    for name in ("shop-api", "1", "no: {name}"):
        add_releases(folder / name)
    (folder / "logs").mkdir()
    write(folder)
    services = read(folder).environment("production").services
    assert sorted(services) == ["1", "shop-api"]


def test_a_link_out_of_the_folder_is_no_release_layout(folder: Path) -> None:
    (folder / "web" / "releases").mkdir(parents=True)
    (folder / "web" / "current").symlink_to("/etc")
    write(folder)
    assert read(folder).environment("production").services == {}


def test_an_existing_file_is_never_touched(folder: Path) -> None:
    config = folder / "lastgood.yaml"
    config.write_text("mine")
    with pytest.raises(RefusedError) as refused:
        write(folder)
    assert refused.value.code == "config-exists"
    assert "--force" in refused.value.mend
    assert config.read_text() == "mine"
    assert names(folder) == ["lastgood.yaml"]


@pytest.mark.parametrize("target", ["/nowhere/at/all", "other.yaml"])
def test_a_link_in_its_place_is_an_existing_file(folder: Path, target: str) -> None:
    (folder / "lastgood.yaml").symlink_to(target)
    with pytest.raises(RefusedError) as refused:
        write(folder)
    assert refused.value.code == "config-exists"
    assert not (folder / "other.yaml").exists()


def test_force_keeps_every_former_file(folder: Path) -> None:
    config = folder / "lastgood.yaml"
    for text in ("first", "second"):
        config.write_text(text)
        written = write(folder, force=True)
        assert written.backup is not None
        assert written.backup.read_text() == text
    assert names(folder) == [
        "lastgood.yaml", "lastgood.yaml.before-1", "lastgood.yaml.before-2",
    ]  # fmt: skip
    assert read(folder).project == "shop"


def test_a_dry_run_writes_nothing(repository: Path) -> None:
    before = names(repository)
    written = initialise(repository / "lastgood.yaml", force=False, dry_run=True, hosted=())
    document = init_document(written)
    assert names(repository) == before
    assert document["created"] is False
    assert document["text"] == written.text
    assert document["gitignore"] == str(repository / ".gitignore")


def test_the_state_is_kept_out_of_git_once(repository: Path) -> None:
    (repository / ".gitignore").write_bytes(b"node_modules/\n*.pyc")  # without its last line end
    write(repository)
    write(repository, force=True)
    lines = (repository / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["node_modules/", "*.pyc"]
    assert lines.count(".lastgood/") == 1
    (repository / ".lastgood").mkdir()
    (repository / ".lastgood" / "state.db").touch()
    assert b".lastgood" not in run_git(repository, "status", "--porcelain", "-uall")
    assert run_git(repository, "for-each-ref") == b""  # nothing was committed


def test_a_folder_that_ignores_it_already_is_left_alone(repository: Path) -> None:
    (repository / ".gitignore").write_text(".*\n")
    assert write(repository).ignored is None
    assert (repository / ".gitignore").read_text() == ".*\n"


def test_a_linked_gitignore_is_not_written_through(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("keep\n")
    (repository / ".gitignore").symlink_to(tmp_path / "elsewhere")
    written = write(repository)
    assert written.ignored is None
    assert any("git check-ignore" in step for step in written.next)
    assert (tmp_path / "elsewhere").read_text() == "keep\n"


def test_a_rule_that_lets_the_state_in_is_not_passed_over(repository: Path) -> None:
    (repository / ".gitignore").write_text(".lastgood/\n!.lastgood/\n")
    written = write(repository)
    assert written.ignored is None
    assert any("git check-ignore" in step for step in written.next)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("https://ada:s3cret-token@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://ghp_token@github.com/a/b.git", "https://github.com/a/b.git"),
        ("ssh://git@github.com:22/a/b.git", "ssh://git@github.com:22/a/b.git"),
        ("ssh://git:pw@github.com/a/b.git", "ssh://git@github.com/a/b.git"),
        ("https://host/a/b.git?private_token=s3cret", "https://host/a/b.git"),
        ("https://host/a/b.git#s3cret", "https://host/a/b.git"),
    ],
)
def test_a_login_in_the_address_is_not_written_down(
    repository: Path, address: str, written: str
) -> None:
    run_git(repository, "remote", "set-url", "origin", address)
    text = write(repository).text
    service = read(repository).environment("production").services["app"]
    assert service.deploy[0].options.model_dump()["repository"] == written
    assert "s3cret" not in text
    assert "ghp_" not in text


@pytest.mark.parametrize(
    "address", ["ada:s3cret@host:a/b.git", "ext::sh -c x https://ada:s3cret@host", "//[s3cret://"]
)
def test_an_address_that_cannot_be_used_is_not_shown(repository: Path, address: str) -> None:
    run_git(repository, "remote", "set-url", "origin", address)
    text = write(repository).text
    assert "s3cret" not in text
    assert "git remote get-url origin" in text
    read(repository)


def test_a_relative_remote_is_meant_from_the_repository(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "remote", "set-url", "origin", "../remote.git")
    write(repository)
    service = read(repository).environment("production").services["app"]
    assert service.deploy[0].options.model_dump()["repository"] == str(tmp_path / "remote.git")


HOSTILE = [
    'x"\n  evil: [1, 2]',
    "a: b",
    "'single' \"double\" \\",
    "# comment",
    "{flow: [x]}",
    "*alias &anchor !tag",
    "\x1b[31mred\x1b]0;title\x07",
    "${HOME}${file:x}",
    "\u202eesrever",
    "%percent --- ...",
    "\ue000private",
    "ünïcödé 🎉",
    "null",
    "- dash",
    " lead and trail ",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_out_as_harmless_values(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    run_git(folder, "remote", "add", "origin", f"/srv/git/{name}.git")
    backend = folder / "backend"
    (backend / "alembic" / name / "versions").mkdir(parents=True)
    (backend / "alembic" / name / "env.py").touch()
    (backend / name).mkdir()
    (backend / name / "app.py").write_text('@app.get("/health")')
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / ".github" / "workflows" / f"{name}.yml").touch()
    add_releases(folder / f"{name}-more")
    written = write(folder)
    production = read(folder).environment("production")
    for sign in ("\x1b", "\x07", "\u202e", "\ue000"):
        assert sign not in written.text
    assert set(production.services) <= {"backend", f"{name}-more"}
    options = [way.options.model_dump() for s in production.services.values() for way in s.deploy]
    for option in options:
        assert option["repository"] in {None, f"/srv/git/{name}.git"}
        assert option["migrations"] in {None, f"backend/alembic/{name}"}
    assert production.checks == {}


@pytest.mark.parametrize("branch", ["fe'at", 'a"b', "#1", "wip{x}", "ü", "true", "$x", "1.0"])
def test_odd_branches_are_read_back_as_they_are(repository: Path, branch: str) -> None:
    run_git(repository, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    write(repository)
    service = read(repository).environment("production").services["app"]
    assert service.deploy[0].options.model_dump()["branch"] == branch


@pytest.mark.parametrize("text", [*HOSTILE, "yes", "1e3", "a:", "a: ", "plain", "a/b:c@d"])
def test_a_value_stays_on_its_line(text: str) -> None:
    assert "\n" not in scalar(text)
    assert "\n" not in comment(text)
    assert len(comment(text * 100)) < 200


def test_a_folder_that_cannot_be_written_is_refused(folder: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        initialise(folder / "absent" / "lastgood.yaml", force=False, dry_run=False)
    assert refused.value.code == "no-folder"
    (folder / "lastgood.yaml").mkdir()
    with pytest.raises(RefusedError) as refused:
        write(folder, force=True)
    assert refused.value.code == "not-writable"
    assert names(folder) == ["lastgood.yaml"]


def test_without_git_it_still_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_git(folder, "init", "--quiet")
    monkeypatch.setenv("PATH", str(folder))
    write(folder)
    assert read(folder).project == "shop"


def test_a_huge_project_is_not_read_for_ever(repository: Path) -> None:
    deep = repository
    for number in range(40):
        deep /= f"d{number}"
    deep.mkdir(parents=True)
    (deep / "app.py").write_text('@app.get("/health")')
    (repository / "big.py").write_bytes(b"#" * 2_000_000 + b'\n@app.get("/health")')
    (repository / "pipe.py").unlink(missing_ok=True)
    os.mkfifo(repository / "pipe.py")
    assert "https://YOUR-HOST/\n" in write(repository).text
