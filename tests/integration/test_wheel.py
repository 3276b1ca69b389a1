"""The wheel carries everything that the package tree holds; the long run installs it and walks the six stories."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = _ROOT / "src" / "mihub"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `./run wheel` does, without the network."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--disable-pip-version-check", "-w", str(out), str(_ROOT)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-800:]
    (built,) = out.glob("mihub-*.whl")
    return built


def _of_the_package() -> set[str]:
    return {
        path.relative_to(_PACKAGE.parent).as_posix()
        for path in _PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_carries_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = {name for name in archive.namelist() if name.startswith("mihub/")}
        assert carried == _of_the_package()
        for name in sorted(carried):
            assert archive.read(name) == (_PACKAGE.parent / name).read_bytes(), name
    kinds = {Path(name).suffix for name in carried}
    assert {".py", ".sql", ".yaml", ".html", ".css", ".typed"} <= kinds


def test_the_wheel_names_its_command_and_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "mihub = mihub.apps.cli:main" in archive.read(entry).decode()
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert licences >= {"LICENSE", "LICENSE-CONTENT", "NOTICE"}


@pytest.mark.soak
def test_the_installed_wheel_runs_the_region_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """Its dependencies are those of this environment, so that nothing is fetched."""
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    installed = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index"),
            *("--no-deps", "--disable-pip-version-check", str(wheel)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert installed.returncode == 0, installed.stderr[-800:]
    (site,) = home.glob("lib/python*/site-packages")
    dependencies = tmp_path / "dependencies"
    dependencies.mkdir()
    _link_dependencies(dependencies)
    (site / "dependencies.pth").write_text(str(dependencies))
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    where = subprocess.run(
        [str(python), "-c", "import mihub; print(mihub.__file__)"],
        cwd=empty,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(site)), "the checkout was imported, not the wheel"
    walked = subprocess.run(
        [str(home / "bin" / "mihub"), "demo", "--check", "--people", "60"],
        cwd=empty,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert walked.returncode == 0, walked.stdout[-1500:] + walked.stderr[-500:]
    assert walked.stdout.splitlines()[-1].endswith(" passed, 0 failed")
    assert not list(empty.iterdir())


def _link_dependencies(folder: Path) -> None:
    """Everything that is installed here, but neither MiHUB itself nor the pointer to the checkout."""
    (site,) = Path(sys.prefix).glob("lib/python*/site-packages")
    for path in site.iterdir():
        if "mihub" not in path.name and path.suffix != ".pth":
            (folder / path.name).symlink_to(path)
