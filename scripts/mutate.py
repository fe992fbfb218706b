"""Plants mistakes, one after the other, in a copy of the repository: each must turn its own test red.

Every file in tests/mutations lists mistakes: what it breaks (`shows`), where (`file`, `find`, `put`) and the test that
must notice. A mistake that no longer fits the code is an error, not a pass. `--only S10,F65` plants some of them.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 180


def mistakes(only: set[str]) -> list[dict[str, str]]:
    """All planted mistakes, or those that break something named."""
    listed = [each for path in sorted(ROOT.glob("tests/mutations/*.yaml")) for each in yaml.safe_load(path.read_text())]
    return [each for each in listed if not only or each["shows"] in only]


def copied(target: Path) -> Path:
    """The repository's files, as they are now."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def passes(copy: Path, tests: list[str]) -> bool:
    """Whether these tests pass in the copy."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/{test}" for test in tests),
    ]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if result.returncode not in (0, 1):
        raise SystemExit(f"pytest could not run {tests}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.returncode == 0


def is_noticed(copy: Path, mistake: dict[str, str]) -> bool:
    """Plant one mistake, run its test, take the mistake out again."""
    path = copy / mistake["file"]
    sound = path.read_text()
    if sound.count(mistake["find"]) != 1:
        raise SystemExit(
            f"{mistake['shows']}: {mistake['file']} has {sound.count(mistake['find'])} places for it, not 1"
        )
    path.write_text(sound.replace(mistake["find"], mistake["put"]))
    try:
        return not passes(copy, [mistake["test"]])
    finally:
        path.write_text(sound)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="comma-separated, e.g. S10,F65")
    listed = mistakes(set(filter(None, parser.parse_args().only.split(","))))
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        copy = copied(Path(folder))
        if not passes(copy, sorted({mistake["test"] for mistake in listed})):
            print("the tests fail without any mistake planted", file=sys.stderr)
            return 2
        missed = []
        for mistake in listed:
            noticed = is_noticed(copy, mistake)
            missed += [] if noticed else [mistake["shows"]]
            print(f"{mistake['shows']:5} {'noticed' if noticed else 'MISSED'}  {mistake['file']}", flush=True)
    print(f"{len(listed) - len(missed)} of {len(listed)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
