#!/usr/bin/env python3
"""Builds the LocalStack image that CI runs, without an image registry.

    python3 ci/localstack-image/build.py

It takes what README.md lists from Debian, PyPI, npm and Maven Central, through the machine's own
settings for them, and loads the image into the Docker daemon of ``DOCKER_HOST``. The image's file
system is kept in ``SLSTEST_IMAGE_CACHE``, by default ``~/.cache/slstest/localstack-image``, until
a file in this folder changes. To build needs root; on Debian, what is missing is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
IMAGE = "localstack/localstack:4.14.0"
KEY_LABEL = "slstest.key"

SUITE = "trixie"
PYTHON = "3.13"  # of this suite, as are Java 21 and Node.js 20
PACKAGES = (
    "ca-certificates",
    "curl",
    "default-jre-headless",
    "iproute2",
    "nodejs",
    "procps",
    "python3-venv",
    "unzip",
    "zip",
)
PLATFORM = f"{platform.machine()}-manylinux_2_40"
VENV = Path("/opt/code/localstack/.venv")
SITE_PACKAGES = VENV / f"lib/python{PYTHON}/site-packages"
STATIC = Path("/usr/lib/localstack")
RUNTIME = Path("/var/runtime")
SETTINGS = (
    f"LABEL {KEY_LABEL}={{key}}",
    f"ENV PATH={VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8 PYTHONUNBUFFERED=1",
    "EXPOSE 4566 4510-4559 5678",
    "VOLUME /var/lib/localstack",
    "WORKDIR /opt/code/localstack",
    'ENTRYPOINT ["docker-entrypoint.sh"]',
)
TOOLS = {"mmdebstrap": "mmdebstrap", "mvn": "maven", "npm": "npm"}


class BuildError(Exception):
    """Something that whoever runs the build has to see to."""


def main() -> None:
    if shutil.which("docker") is None:
        raise BuildError("there is no docker command: ci/with-docker brings one")
    key = key_of_inputs()
    if key == key_of_loaded_image():
        say(f"{IMAGE} is there and up to date")
        return
    default = Path.home() / ".cache" / "slstest" / "localstack-image"
    cache = Path(os.environ.get("SLSTEST_IMAGE_CACHE") or default)
    cache.mkdir(parents=True, exist_ok=True)
    file_system = cache / f"{key}.tar"
    if not file_system.exists():
        if os.geteuid() != 0:
            raise BuildError("building the image needs root, for mmdebstrap")
        install_tools()
        build(file_system)
        for other in set(cache.glob("*.tar")) - {file_system}:
            other.unlink()
    with timed(f"load {file_system}"):
        changes = [f"--change={setting.format(key=key)}" for setting in SETTINGS]
        run(["docker", "import", *changes, file_system, IMAGE])


def key_of_inputs() -> str:
    """Changes with every file that the image is made of."""
    digest = hashlib.sha256(platform.machine().encode())
    for path in sorted(HERE.rglob("*")):
        if path.is_file() and path.suffix != ".md" and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(HERE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def key_of_loaded_image() -> str | None:
    template = f'{{{{index .Config.Labels "{KEY_LABEL}"}}}}'
    answer = subprocess.run(
        ["docker", "image", "inspect", "--format", template, IMAGE],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if "no such image" in answer.stderr.lower():
        return None
    if answer.returncode:
        raise BuildError(f"Docker does not answer: {answer.stderr.strip()}")
    return answer.stdout.strip()


def install_tools() -> None:
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        with timed(f"install {' '.join(missing)}"):
            run(["apt-get", "update", "-q"])
            run(["apt-get", "install", "-yq", "--no-install-recommends", *missing])


def build(file_system: Path) -> None:
    """Collect in a folder what goes on top of Debian, while mmdebstrap sees to Debian."""
    # Beside the result, so that it can be moved there in one step.
    with tempfile.TemporaryDirectory(dir=file_system.parent, prefix="build-") as name:
        top = Path(name) / "top"
        top.mkdir(mode=0o755)
        with ThreadPoolExecutor() as pool:
            with held_back(top) as wait_for_top:
                debian = pool.submit(make_file_system, top, wait_for_top)
                steps = [pool.submit(step, top) for step in (add_python, add_kinesis, add_dynamodb)]
                for step in steps:
                    step.result()
                add_own_files(top)
            debian.result().replace(file_system)


@contextmanager
def held_back(top: Path) -> Iterator[str]:
    """A shell command that ends with the block, and succeeds only if the block did."""
    finished = top.with_suffix(".finished")
    lock = top.with_suffix(".lock")
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield f"flock --shared '{lock}' test -e '{finished}'"
        finished.touch()


def add_python(top: Path) -> None:
    """LocalStack in an environment of its own, and what its functions are run with."""
    with timed("LocalStack"), tempfile.TemporaryDirectory() as name:
        run([sys.executable, "-m", "venv", name])
        pip = [f"{name}/bin/python", "-m", "pip"]
        run([*pip, "install", "--quiet", "uv"])
        # uv does not read pip's settings.
        index = re.search(r"^\S*index-url='(.+)'$", run([*pip, "config", "list"]), re.MULTILINE)
        variables = {"UV_DEFAULT_INDEX": index[1]} if index else {}

        def install(target: Path, *what: str | Path) -> None:
            arguments = ["--quiet", "--no-deps", "--python", sys.executable]
            arguments += ["--python-version", PYTHON, "--python-platform", PLATFORM]
            arguments += ["--build-constraints", str(HERE / "localstack.txt")]
            uv = [f"{name}/bin/uv", "pip", "install", *arguments, "--target", target, *what]
            run(uv, variables=variables)

        venv = inside(top, VENV)
        install(inside(top, SITE_PACKAGES), "--requirements", HERE / "localstack.txt")
        # Setuptools writes into the folder that it builds.
        executor = shutil.copytree(HERE / "executor", Path(name) / "executor")
        install(inside(top, SITE_PACKAGES), executor)
        install(inside(top, RUNTIME), "--requirements", HERE / "function-runtime.txt")
        (venv / "bin").mkdir()
        scripts = inside(top, SITE_PACKAGES) / "bin"
        (scripts / "localstack-supervisor").rename(venv / "bin" / "localstack-supervisor")


def add_kinesis(top: Path) -> None:
    with timed("Kinesis"):
        folder = inside(top, STATIC) / "kinesis-local" / "0.5.2"
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)


def add_dynamodb(top: Path) -> None:
    """DynamoDB Local, laid out as its own archive has it, with LocalStack's agent missing."""
    with timed("DynamoDB"):
        folder = inside(top, STATIC) / "dynamodb-local" / "2"
        libraries = folder / "DynamoDBLocal_lib"
        goal = "dependency:copy-dependencies"
        run(["mvn", "-B", "-q", "-f", HERE / "pom.xml", goal, f"-DoutputDirectory={libraries}"])
        # LocalStack's own agent only raises the number of indexes that a table may have.
        (agent,) = libraries.glob("jamm-*.jar")
        agent.rename(folder / "ddb-local-loader-0.1.jar")
        jars = sorted(f"DynamoDBLocal_lib/{path.name}" for path in libraries.glob("*.jar"))
        write_starter(folder / "DynamoDBLocal.jar", jars)


def write_starter(path: Path, jars: Sequence[str]) -> None:
    """A jar without classes: what to start, and where to find it."""
    lines = [
        "Manifest-Version: 1.0",
        "Main-Class: com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
        f"Class-Path: {' '.join(jars)}",
    ]
    # A line of a manifest has 72 bytes at most; a space continues the one before.
    manifest = re.sub(r"([^\n]{70})(?=[^\n])", r"\1\n ", "\n".join(lines)) + "\n"
    with zipfile.ZipFile(path, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", manifest)


def add_own_files(top: Path) -> None:
    (inside(top, STATIC) / ".community-version").touch()
    java = inside(top, STATIC) / "java" / "21"
    java.parent.mkdir()
    java.symlink_to("/usr/lib/jvm/default-java")
    programs = top / "usr/local/bin"
    programs.mkdir(parents=True)
    shutil.copy(HERE / "docker-entrypoint.sh", programs)


def make_file_system(top: Path, wait_for_top: str) -> Path:
    """Debian with ``top`` laid over it, as a tar."""
    commands = [
        f"/usr/bin/python3 -m venv --without-pip {VENV}",
        # Once here, not in every container that starts: 7 s instead of 3.
        f"/usr/bin/python3 -m compileall -q -j 0 {SITE_PACKAGES} {RUNTIME}",
        f"{VENV}/bin/python3 -m localstack.aws.spec",
    ]
    settings = top.with_name("apt.conf")
    settings.write_text(run(["apt-config", "dump", "Acquire"]))
    image = top.with_name("image.tar")
    with timed("Debian, and all in one"):
        run(
            [
                "mmdebstrap",
                "--variant=minbase",
                f"--include={','.join(PACKAGES)}",
                f"--aptopt={settings}",
                '--aptopt=Acquire::Retries "3"',
                "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*",
                f"--customize-hook={wait_for_top}",
                f"--customize-hook=sync-in '{top}' /",
                *(f'--customize-hook=chroot "$1" {command}' for command in commands),
                SUITE,
                image,
                *debian_mirror(),
            ]
        )
    return image


def debian_mirror() -> list[str]:
    """Where this machine has its Debian from; mmdebstrap's default if it is no Debian."""
    ask = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    return run([*ask, "Origin: Debian", "Label: Debian", "Component: main"]).splitlines()[:1]


def inside(top: Path, path: Path) -> Path:
    """Where ``path`` of the image lies while it is put together."""
    return top / path.relative_to("/")


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What the command wrote to stdout; what it said is shown only where it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**(variables or {}), **os.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-30:])
        line = " ".join(map(str, command))
        raise BuildError(f"this ended with status {done.returncode}: {line}\n{said}")
    return done.stdout


def say(text: str) -> None:
    sys.stderr.write(f"localstack-image: {text}\n")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what}: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    try:
        main()
    except BuildError as error:
        sys.exit(f"localstack-image: {error}")
