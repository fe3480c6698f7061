#!/usr/bin/env bash
# The built wheel, in an environment of its own, in an empty folder: what a user installs has to work without the checkout.
# Usage: tests/wheel.sh PYTHON (the interpreter of the checkout's environment: it has `build` and setuptools)
set -euo pipefail
python=$(realpath -s "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

cd "$root"
"$python" -m build --wheel --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
wheel=$(echo "$work"/dist/*.whl)
size=$(stat -c %s "$wheel")
echo "wheel: $(basename "$wheel"), $size bytes"
[ "$size" -le 25000000 ] || { echo "the wheel is larger than 25 MB: recordings or tests may be in it"; exit 1; }
"$python" -m zipfile -l "$wheel" | grep -E "evals/cassettes/|^tests/" && { echo "recordings or tests are in the wheel"; exit 1; }

# what a user gets: the package with its embedded database, no development tools; in the locked versions, which are here
"$python" -m venv "$work/venv"
pip="$work/venv/bin/python -m pip --disable-pip-version-check"
"$python" tests/link_requirements.py "$wheel" embedded "$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
$pip install --quiet --no-index --no-deps "$wheel" >"$work/pip.log" 2>&1 || { cat "$work/pip.log"; exit 1; }
$pip check || exit 1

mkdir "$work/home" "$work/empty"
cd "$work/empty"
export HOME="$work/home" GRIDWISE_DATA_DIR="$work/data" GRIDWISE_SOURCES=recorded GRIDWISE_MODEL=offline COLUMNS=80
unset DATABASE_URL SUPABASE_URL SUPABASE_KEY GEMINI_API_KEY PYTHONPATH
gridwise="$work/venv/bin/gridwise"
step() { echo "wheel: gridwise $*"; "$gridwise" "$@" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err"; exit 1; }; }

step --version
step --help
step demo
step submit "Nightly training" --gpu-mins 960 --hours 4 --deferral-mins 1200
step run --until-empty
step status
step list
step show "Nightly training"
step explain "Nightly training" --html page.html
[ -s page.html ] || { echo "explain wrote no page"; exit 1; }
for missing in dev eval; do
    if "$gridwise" $missing >"$work/out" 2>&1 </dev/null; then echo "gridwise $missing should say what is missing"; exit 1; fi
    grep -qE "gridwise\[dev\]|checkout" "$work/out" || { echo "gridwise $missing says:"; cat "$work/out"; exit 1; }
done
echo "wheel: works outside the checkout"
