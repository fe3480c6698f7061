"""The files in docs/deploy, read by the linters and schemas of those who will read them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docs" / "deploy"


def test_the_dockerfile_passes_its_linter_and_does_not_run_as_root() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    linter = str(hadolint) if hadolint.exists() else shutil.which("hadolint")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, str(FOLDER / "Dockerfile")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    text = (FOLDER / "Dockerfile").read_text()
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE)[-1].split(":")[0] not in ("root", "0")
    assert all(re.search(r":\d+\.\d+\.\d+", line) for line in text.splitlines() if line.startswith("FROM"))
    assert "HEALTHCHECK" in text


def test_everything_that_the_image_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (FOLDER / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert names
    assert [name for name in names if not (FOLDER.parents[1] / name).exists()] == []


def test_kubernetes_objects_keep_the_published_schema_and_fit_together() -> None:
    objects = {one["kind"]: one for one in yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())}
    for one in objects.values():
        kubernetes_validate.validate(one, "1.31", strict=True)
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert objects["Deployment"]["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"] is True


def test_compose_starts_the_poller_after_the_migration_on_a_healthy_database() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["poller"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert (FOLDER / services["poller"]["build"]["context"] / services["poller"]["build"]["dockerfile"]).exists()
    assert "healthcheck" in services["database"]


def test_the_unit_is_what_systemd_reads(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    text = (FOLDER / "gridwise.service").read_text().replace("/opt/gridwise/bin/gridwise", sys.executable)
    (tmp_path / "gridwise.service").write_text(text)
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / "gridwise.service")], capture_output=True, text=True, timeout=60
    )
    assert "gridwise.service" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


def test_the_workflow_gates_on_outputs_that_its_own_step_writes(tmp_path: Path) -> None:
    workflow = yaml.safe_load((FOLDER / "github-workflow.yaml").read_text())
    gate, train = workflow["jobs"]["gate"], workflow["jobs"]["train"]
    step = next(step for step in gate["steps"] if step.get("id") == "plan")
    output = tmp_path / "output"
    command = step["run"].replace("gridwise ", f"{sys.executable} -m graph.cli ", 1)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRIDWISE_")}
    environment = {**inherited, "GITHUB_OUTPUT": str(output), "GRIDWISE_SOURCES": "recorded", "HOME": str(tmp_path)}
    subprocess.run(["bash", "-ec", command], check=True, env=environment, timeout=60)
    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    passed_on = set(re.findall(r"steps\.plan\.outputs\.(\w+)", str(gate["outputs"])))
    assert passed_on <= written.keys()
    assert set(re.findall(r"needs\.gate\.outputs\.(\w+)", train["if"])) <= gate["outputs"].keys()
    assert written["clean_now"] in ("true", "false")
    assert written["region"] == "London"
