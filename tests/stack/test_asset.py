"""The functions' asset, as Lambda will get it."""

import re
import struct
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from cdk import bundling
from cdk.functions import RUNTIME
from tests.stack.templates import ROOT

AARCH64 = 0xB7


@pytest.fixture(scope="module")
def archive() -> zipfile.ZipFile:
    return zipfile.ZipFile(bundling.build(bundling.LAMBDA).path)


def machine_of(elf: bytes) -> int:
    """The ``e_machine`` of an ELF header."""
    assert elf[:4] == b"\x7fELF"
    (machine,) = struct.unpack_from("<H", elf, 18)
    return int(machine)


def distributions(archive: zipfile.ZipFile) -> set[str]:
    return {
        name.split("-")[0].replace("_", "-").lower()
        for name in archive.namelist()
        if name.endswith(".dist-info/METADATA")
    }


def test_every_library_in_it_is_of_the_functions_machine(archive: zipfile.ZipFile) -> None:
    binaries = [n for n in archive.namelist() if n.endswith(".so") or ".so." in n]
    assert any(Path(name).name.startswith("_imaging.cpython-") for name in binaries)
    for name in binaries:
        assert machine_of(archive.read(name)) == AARCH64, name


def test_its_extensions_are_of_the_functions_python(archive: zipfile.ZipFile) -> None:
    abi = f"cpython-{bundling.LAMBDA.python.replace('.', '')}-aarch64-linux-gnu.so"
    extensions = [name for name in archive.namelist() if ".cpython-" in name]
    assert extensions
    assert all(name.endswith(abi) for name in extensions)
    assert RUNTIME.name == f"python{bundling.LAMBDA.python}"


def test_it_holds_what_the_project_depends_on(archive: zipfile.ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {requirement.split(">")[0].lower() for requirement in project["dependencies"]}
    assert wanted <= distributions(archive)


def test_it_holds_nothing_for_development(archive: zipfile.ZipFile) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    unwanted = {
        requirement.split(">")[0].split("[")[0].lower()
        for group in groups.values()
        for requirement in group
    }
    assert not distributions(archive) & unwanted
    assert not any(name.startswith(("tests/", "cdk/", "scripts/")) for name in archive.namelist())


def test_it_holds_our_code_and_no_leavings(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    assert len(names) == len(set(names))
    assert {"reindex/settings.py", "reindex/states.py"} <= set(names)
    assert not any(name.endswith(".pyc") or name.startswith("bin/") for name in names)


def test_it_describes_every_service_that_a_function_calls(archive: zipfile.ZipFile) -> None:
    sources = [path.read_text() for path in (ROOT / "lambdas").rglob("*.py")]
    called = {name for text in sources for name in re.findall(r'\bclient\(\s*"([a-z]+)"', text)}
    assert called
    names = archive.namelist()
    assert all(any(n.startswith(f"botocore/data/{service}/") for n in names) for service in called)


def test_lambda_will_take_it(archive: zipfile.ZipFile) -> None:
    assert sum(entry.file_size for entry in archive.infolist()) < 250 * 1024 * 1024
    for entry in archive.infolist():
        assert entry.external_attr >> 16 & 0o444 == 0o444, entry.filename


def test_the_same_inputs_are_built_once() -> None:
    first, second = bundling.build(bundling.LAMBDA), bundling.build(bundling.LAMBDA)
    assert first == second


def test_another_target_is_another_asset() -> None:
    assert bundling.build(bundling.LAMBDA).hash != bundling.build(bundling.LOCAL).hash


def test_the_local_asset_runs_on_this_machine(tmp_path: Path) -> None:
    zipfile.ZipFile(bundling.build(bundling.LOCAL).path).extractall(tmp_path)
    # Isolated, so that nothing installed here can stand in for what the asset lacks.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import PIL._imaging, boto3, indexer"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path)


def test_a_missing_uv_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bundling.BundlingError, match="uv is not installed"):
        bundling.build(bundling.LAMBDA)
