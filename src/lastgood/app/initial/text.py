"""The words of the first configuration: valid YAML, whatever the names around it are.

A comment begins with `# `; a setting that waits for its value begins with `#` alone, so that
taking the sign away makes it count.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.app.initial.surroundings import Guess, Part, Surroundings

FILL_IN = "FILL IN"
_PLAIN = re.compile(r"(?:[A-Za-z/]|\./)(?:[A-Za-z0-9_./@-]|:(?=[A-Za-z0-9_./@-]))*", re.ASCII)
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_LONGEST_COMMENT = 160

_HEAD = f"""\
# What lastgood needs to know to bring production back to its last known good state.
# Written by `lastgood init` from what was found here: each guess says why it was made.
# What only you know is marked {FILL_IN}. A line that begins with # and no space is a setting that
# waits: give it its value and take the # away. Every key: docs/configuration.md
# After each change: lastgood doctor

version: 1
"""


def configuration(around: Surroundings) -> str:
    """The whole file."""
    return "\n".join([*_lines(around), ""])


def scalar(text: str) -> str:
    """A text as one YAML value that means just this text to our reader."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text.replace("${", "$${"), ensure_ascii=False)


def comment(text: str) -> str:
    """A text from outside as the rest of a comment: one line, nothing that acts, not huge."""
    line = " ".join(harmless(text).split())
    line = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)
    # Two private characters stand for braces while our reader works.
    return line if len(line) <= _LONGEST_COMMENT else f"{line[:_LONGEST_COMMENT]}..."


def _lines(around: Surroundings) -> Iterator[str]:
    yield _HEAD
    yield f"# Guessed: {comment(around.project.why)}."
    yield f"project: {scalar(around.project.value)}"
    yield ""
    yield "# lastgood's own memory, kept out of git; never in the database that is rolled back."
    yield "state: sqlite:///.lastgood/state.db"
    yield ""
    yield "environments:"
    yield "  production:"
    yield "    budget: 5m  # a rollback that takes longer is over budget"
    yield "    stability: 30m  # a release that stays healthy this long becomes known good"
    yield ""
    if around.hints:
        yield f"    # Found too, for you to look at: {comment(', '.join(around.hints))}"
    yield from (f"    # Note: {comment(note)}." for note in around.origin.notes)
    yield from _services(around)
    yield ""
    yield from _checks(around)
    yield ""
    yield from _SIGNALS


def _services(around: Surroundings) -> Iterator[str]:
    known = [part for part in around.parts if ways(part, around)]
    for part in around.parts or (None,):
        if part not in known:
            name = part.name if part else "app"
            yield f"    # {FILL_IN}: nothing here says how a release of {name} is put live."
    if known:
        yield "    services:"
    else:
        yield "    #services:"
    for part in known:
        yield from _service(part, around)
    for name in [part.name for part in around.parts if part not in known] or (
        [] if known else ["app"]
    ):
        yield from _waiting(name)


def ways(part: Part, around: Surroundings) -> list[str]:
    """The deploy drivers that a service gets, cheapest first; none when nothing was found."""
    if part.releases:
        return ["releases"]
    return ["git"] if around.origin.remote else []


def _service(part: Part, around: Surroundings) -> Iterator[str]:
    yield f"      {scalar(part.name)}:  # guessed: {comment(part.why)}"
    yield "        deploy:"
    if part.releases:
        yield "          - driver: releases  # flips `current` to a release that is still kept"
        yield from _guessed("path", part.releases)
        yield f"            # {FILL_IN}: what makes the new release answer, if anything must."
        yield "            #restart: [systemctl, restart, NAME]"
        yield from _repository(part, around, "")
        if around.origin.remote:
            yield "          # A second way, for when no kept release will do: a commit that CI"
            yield "          # deploys; it needs a check with `version` as its proof."
            yield "          #- driver: git"
            yield from _repository(part, around, "#")
    else:
        yield "          # Are releases kept somewhere? Going back to one takes seconds."
        yield "          #- driver: releases"
        yield "            #path: /srv/NAME  # holds releases/COMMIT/ and the symlink current"
        yield "          - driver: git  # a commit with the good content, which CI deploys"
        yield from _repository(part, around, "")
    yield from _watched(part.name, proof=not part.releases)


def _repository(part: Part, around: Surroundings, off: str) -> Iterator[str]:
    if around.origin.remote is None:
        return
    yield from _guessed("repository", around.origin.remote, off)
    if around.origin.branch:
        yield from _guessed("branch", around.origin.branch, off)
    else:
        yield f"            {off}branch: main  # {FILL_IN}: the branch that is deployed"
    if part.paths:
        yield f"            {off}paths:"
        yield f"              {off}- {scalar(part.paths)}"
    if part.migrations:
        yield from _guessed("migrations", part.migrations, off)


def _guessed(key: str, guess: Guess, off: str = "") -> Iterator[str]:
    yield f"            # Guessed: {comment(guess.why)}."
    yield f"            {off}{key}: {scalar(guess.value)}"


def _watched(name: str, *, proof: bool) -> Iterator[str]:
    yield f"        # {FILL_IN}: the checks that show its health, described below."
    if proof:
        yield "        # Without one that names a version no rollback of it can be proven."
    yield f"        #checks: [{name}-health]"
    yield f"        # {FILL_IN}: where each instance answers, so that none keeps the bad release."
    yield "        #instances: [http://10.0.0.1:8000, http://10.0.0.2:8000]"


def _waiting(name: str) -> Iterator[str]:
    """A service with every way to choose from, none of them in force."""
    yield f"      #{name}:"
    yield "        #deploy:"
    yield "          # Your own deploy tool; {commit} stands for the release, `current` prints it."
    yield "          #- driver: command"
    yield '            #deploy: [./scripts/deploy.sh, "{commit}"]'
    yield "            #current: [./scripts/current-version.sh]"
    yield "          # Or release directories: a folder with releases/COMMIT/ and `current`."
    yield "          #- driver: releases"
    yield f"            #path: /srv/{name}"
    yield "          # Or a git branch that CI deploys from."
    yield "          #- driver: git"
    yield "            #repository: git@github.com:YOU/REPOSITORY.git"
    yield "            #branch: main"
    yield f"        #checks: [{name}-health]"


def _checks(around: Surroundings) -> Iterator[str]:
    yield f"    # {FILL_IN}: the public addresses; a check also tells which version answers."
    yield "    #checks:"
    for part in around.parts or (None,):
        name = part.name if part else "app"
        route = part.health if part else None
        yield f"      #{name}-health:"
        if route:
            yield f"        # Guessed: the route is in {comment(route.why)}; a router's prefix may"
            yield "        # come before it."
        address = f"https://YOUR-HOST{route.value if route else '/'}"
        yield f"        #url: {address}"
        yield "        #version: {json: commit}  # the field of the answer that names the release"


_SIGNALS = (
    f"    # {FILL_IN}: an access log in JSON (Caddy, nginx) tells the share of users affected.",
    "    #signals:",
    "      #users_affected:",
    "        #driver: access-log",
    "        #path: /var/log/caddy/access.json",
    "        #user: request.headers.X-User-Hash",
)
