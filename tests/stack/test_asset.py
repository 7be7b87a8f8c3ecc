"""The functions' asset, as Lambda will get it."""

import re
import struct
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from cdk import bundling, uv
from cdk.functions import RUNTIME
from cdk.stage_values import asset_files
from tests.stack.templates import ROOT, example_stage

AARCH64 = 0xB7

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


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


def names(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[>\[]", requirement)[0].lower() for requirement in requirements}


def test_it_holds_what_the_functions_depend_on(archive: zipfile.ZipFile) -> None:
    wanted = names(PYPROJECT["dependency-groups"]["functions"])
    assert wanted <= distributions(archive)
    # The project's list has the versions.
    assert wanted <= names(PYPROJECT["project"]["dependencies"])


def test_it_holds_nothing_for_development_or_the_command(archive: zipfile.ZipFile) -> None:
    groups = dict(PYPROJECT["dependency-groups"])
    wanted = names(groups.pop("functions"))
    others = names(r for group in groups.values() for r in group)
    unwanted = (others | names(PYPROJECT["project"]["dependencies"])) - wanted
    assert {"click", "rich", "aws-cdk-lib", "pytest"} <= unwanted
    assert not distributions(archive) & unwanted
    assert not any(name.startswith(("tests/", "cdk/", "scripts/")) for name in archive.namelist())


def test_it_holds_the_librarys_own_mapping_where_a_stage_names_one(tmp_path: Path) -> None:
    mapping = tmp_path / "ours.json"
    mapping.write_text('{"properties": {}}')
    own = bundling.build(bundling.LAMBDA, {bundling.LIBRARY_MAPPING: mapping})
    plain = bundling.build(bundling.LAMBDA)
    assert own.hash != plain.hash
    assert zipfile.ZipFile(own.path).read(bundling.LIBRARY_MAPPING) == mapping.read_bytes()
    assert bundling.LIBRARY_MAPPING not in zipfile.ZipFile(plain.path).namelist()


def test_it_holds_the_librarys_own_processors_and_rules() -> None:
    files = asset_files(example_stage().projection)
    archive = zipfile.ZipFile(bundling.build(bundling.LAMBDA, files).path)
    assert files.keys() == {"library/docs/examples/ours.py", "library/docs/examples/rights.json"}
    for name, path in files.items():
        assert archive.read(name) == path.read_bytes()


def test_it_holds_our_code_and_no_leavings(archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    assert len(names) == len(set(names))
    assert {"reindex/settings.py", "reindex/domain/states.py"} <= set(names)
    assert not any(name.endswith(".pyc") or name.startswith("bin/") for name in names)


def test_it_describes_every_service_that_a_function_calls(archive: zipfile.ZipFile) -> None:
    sources = [path.read_text() for path in (ROOT / "lambdas").rglob("*.py")]
    called = {name for text in sources for name in re.findall(r'\bclient\(\s*"([a-z]+)"', text)}
    assert called
    # The command alone reads the functions' logs.
    called -= {"logs"}
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
    # Isolated, so that no package installed here can replace one that the asset lacks.
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import PIL._imaging, boto3, indexer"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path)


def test_uv_is_the_one_that_runs_us_else_our_own_else_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, on_path = tmp_path / "own" / "uv", tmp_path / "path" / "uv"
    for program in (own, on_path):
        program.parent.mkdir()
        program.touch(mode=0o755)
    monkeypatch.setattr(uv, "OWN", own)
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setenv("UV", "/running/uv")
    assert uv.find_uv() == "/running/uv"
    monkeypatch.delenv("UV")
    assert uv.find_uv() == str(own)
    own.unlink()
    assert uv.find_uv() == str(on_path)
    on_path.unlink()
    assert uv.find_uv() is None


def test_a_missing_uv_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setattr(uv, "OWN", tmp_path / "uv")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(bundling.BundlingError, match="uv is not installed"):
        bundling.build(bundling.LAMBDA)
