"""The deployment files, checked without running them."""

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import SecretStr

import cli
from gateway.api.access import LEAST_SECRET
from providers.enode.hooks import _check as check_secret
from settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PRICES_LOCK = "deploy/requirements-entsoe.txt"
ONE_SHOTS = {"temporal-schema", "temporal-namespace"}


def verbs() -> set[str]:
    """The commands of `nightcharge`."""
    command = typer.main.get_command(cli.app)
    return set(getattr(command, "commands", {}))


def ours() -> dict[str, dict[str, Any]]:
    return {name: service for name, service in SERVICES.items() if service["image"].startswith("nightcharge:")}


def needs(name: str) -> dict[str, str]:
    wanted = SERVICES[name].get("depends_on", {})
    return {other: how["condition"] for other, how in wanted.items()}


def test_every_part_of_the_production_shape_is_there() -> None:
    parts = {"postgresql", "temporal-schema", "temporal", "temporal-namespace", "temporal-ui"}
    assert set(SERVICES) == parts | {"worker", "gateway", "simulator"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.match(r"\d", tag)


def test_server_and_schema_tool_are_of_one_version() -> None:
    assert SERVICES["temporal"]["image"].split(":")[1] == SERVICES["temporal-schema"]["image"].split(":")[1]


@pytest.mark.parametrize("name", SERVICES)
def test_what_stays_up_has_a_healthcheck_and_what_runs_once_is_not_restarted_for_ever(name: str) -> None:
    if name in ONE_SHOTS:
        assert SERVICES[name]["restart"].startswith("on-failure")
        assert "healthcheck" not in SERVICES[name]
    else:
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])


@pytest.mark.parametrize("name", SERVICES)
def test_waiting_ends_with_the_success_of_what_runs_once_and_the_health_of_the_rest(name: str) -> None:
    for other, condition in needs(name).items():
        assert condition == ("service_completed_successfully" if other in ONE_SHOTS else "service_healthy")


def test_nothing_starts_before_what_it_needs() -> None:
    assert set(needs("temporal-schema")) == {"postgresql"}
    assert set(needs("temporal")) == {"temporal-schema"}
    assert set(needs("temporal-namespace")) == {"temporal"}
    assert set(needs("worker")) == set(needs("gateway")) == {"temporal-namespace", "simulator"}


@pytest.mark.parametrize("name", SERVICES)
def test_mounted_files_exist_and_named_volumes_are_declared(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_server_finds_its_dynamic_configuration() -> None:
    [mount] = SERVICES["temporal"]["volumes"]
    folder, inside, _ = mount.split(":")
    name = SERVICES["temporal"]["environment"]["DYNAMIC_CONFIG_FILE_PATH"].removeprefix("config/dynamicconfig/")
    assert inside == "/etc/temporal/config/dynamicconfig"
    values = yaml.safe_load((ROOT / folder / name).read_text("utf-8"))
    assert all(isinstance(rule, list) and "value" in rule[0] for rule in values.values())


def test_commands_are_verbs_of_the_product_or_scripts_beside_it() -> None:
    for service in ours().values():
        if "command" in service:
            assert service["command"][0] in verbs()
        else:
            python, script = service["entrypoint"]
            assert python == "python"
            assert (ROOT / script).is_file()


def test_simulator_is_started_with_options_it_has() -> None:
    command = getattr(typer.main.get_command(cli.app), "commands")["simulator"]  # noqa: B009  (untyped attribute)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in SERVICES["simulator"]["command"] if word.startswith("--")} <= known


def test_environment_holds_only_settings_that_exist() -> None:
    names = {name for service in ours().values() for name in service.get("environment", {})}
    wanted = {name.removeprefix("NIGHTCHARGE_").lower() for name in names if name.startswith("NIGHTCHARGE_")}
    assert wanted <= set(Settings.model_fields)


def test_schema_script_prepares_both_databases() -> None:
    script = (ROOT / "deploy/temporal/setup-schema.sh").read_text("utf-8")
    assert script.startswith("#!/bin/sh\n")
    assert re.findall(r"^prepare (\w+) ", script, re.MULTILINE) == ["temporal", "temporal_visibility"]


def test_image_installs_the_lock_file_by_hash_and_runs_without_root() -> None:
    assert re.search(r"^FROM python:3\.11-slim$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    user = re.search(r"^USER (\w+)$", DOCKERFILE, re.MULTILINE)
    assert user is not None
    assert user[1] != "root"


def test_image_holds_every_package_and_module_of_the_product() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in project["packages"]["find"]["include"]}
    modules = {f"{name}.py" for name in project["py-modules"]}
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}
    copied.remove(PRICES_LOCK)  # `deploy` holds it
    assert copied == packages | modules | {"requirements.txt", "deploy"}
    let_through = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    assert set(let_through) == copied
    assert all((ROOT / path).exists() for path in copied)


def test_lock_file_of_the_image_names_hashes_and_no_host() -> None:
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    pinned = re.findall(r"^\S+==", lock, re.MULTILINE)
    assert len(pinned) > 20
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock


def required_by(package: str) -> set[str]:
    """What the package needs in the image, by normal names."""
    wanted = [Requirement(one) for one in requires(package) or []]
    return {canonicalize_name(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})}


def locked(path: str) -> dict[str, str]:
    """Package -> its pin and hashes."""
    lines = [line.rstrip(" \\") for line in (ROOT / path).read_text("utf-8").splitlines() if "#" not in line]
    return {one.split("==")[0]: one for one in re.split(r"\n(?! )", "\n".join(lines)) if "==" in one}


def test_image_can_fetch_prices_with_what_the_tests_ran_with() -> None:
    """The extra `entsoe`, by the pins and hashes of the development lock, and the token for it."""
    assert f"-r {PRICES_LOCK.removeprefix('deploy/')}" in DOCKERFILE
    extra, tested, image = locked(PRICES_LOCK), locked("requirements-dev.txt"), locked("requirements.txt")
    assert extra == {name: tested[name] for name in extra}
    needed: set[str] = {"entsoe-py"}
    while more := {name for one in needed for name in required_by(one)} - needed:
        needed |= more
    assert needed - image.keys() == extra.keys()
    assert {"NIGHTCHARGE_ENTSOE_TOKEN", "NIGHTCHARGE_PRICE_AREAS"} <= SERVICES["worker"]["environment"].keys()


def test_the_default_webhook_secret_is_one_the_adapter_takes() -> None:
    default = re.search(r"WEBHOOK_SECRET:-(.+?)}", (ROOT / "docker-compose.yml").read_text("utf-8"))
    assert default is not None
    check_secret(SecretStr(default[1]))


def test_worker_and_gateway_share_the_database_server() -> None:
    """SQLite serves one machine; workers are many."""
    made = SERVICES["postgresql"]["environment"]["POSTGRES_DB"]
    for name in ("worker", "gateway"):
        assert SERVICES[name]["environment"]["NIGHTCHARGE_DATABASE_URL"].endswith(f"@postgresql:5432/{made}")


def test_the_default_gateway_secret_is_long_enough() -> None:
    default = re.search(r"GATEWAY_SECRET:-(.+?)}", (ROOT / "docker-compose.yml").read_text("utf-8"))
    assert default is not None
    assert len(default[1]) >= LEAST_SECRET
