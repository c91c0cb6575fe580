# shellcheck shell=bash disable=SC2154 # $dir is what the caller has
# Sourced by the scripts that install: `venv NAME PACKAGE…` makes a virtual environment in $dir. By uv, which is
# itself a package: what many environments share is fetched once and linked, so that they are made in seconds.
uv=$dir/uv/bin/uv
if [ "$("$uv" --version 2>/dev/null | cut -d' ' -f2)" != 0.13.8 ]; then
  python3 -m venv "$dir/uv"
  "$dir/uv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8
fi

venv() {
  local name=$1
  shift
  "$uv" venv --quiet --clear --python "$(command -v python3)" "$dir/$name"
  "$uv" pip install --quiet --python "$dir/$name/bin/python" "$@"
}
