#!/usr/bin/env bash
# Compares the enum values and the sizes of structures that the simulated device writes down with
# NVIDIA's headers: kernels/sim/test/headers.sh INCLUDE...
# INCLUDE: folders; of cuda.h, nvrtc.h, cudnn.h and cublasLt.h those are compared that lie in one
# (PyPI: nvidia-cuda-runtime, nvidia-cuda-nvrtc, nvidia-cuda-crt, nvidia-cudnn-cu13, nvidia-cublas).
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: $0 INCLUDE..." >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cxx=${MORSE_SIM_CXX:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folders=("$@")
includes=()
for folder in "$@"; do includes+=("-I$folder"); done

# values OUT WHERE NAMES HEADER...: a program that prints each name with its value.
values() {
  local out=$1 names=$2 header
  shift 2
  {
    for header in "$@"; do echo "#include \"$header\""; done
    echo '#include <cstdio>'
    echo 'int main() {'
    while read -r name; do echo "  std::printf(\"$name %lld\\n\", (long long)($name));"; done < "$names"
    echo '}'
  } > "$work/values.cpp"
  "$cxx" -std=c++17 -w "${includes[@]}" -I"$here/cuda" -o "$work/values" "$work/values.cpp"
  "$work/values" > "$out"
}

present() {
  local folder
  for folder in "${folders[@]}"; do [ ! -e "$folder/$1" ] || return 0; done
  return 1
}

failed=0
# compare OURS THEIRS NEEDED: every NAME = value of our header against theirs, which includes NEEDED.
compare() {
  local ours=$1
  shift
  [ -e "$ours" ] || return 0
  if ! present "$1" || ! present "$2"; then
    echo "$(basename "$ours"): no $1 and $2 in the folders"
    return 0
  fi
  grep -oE '^ *[A-Z][A-Z0-9_]*[A-Za-z0-9_]* = ' "$ours" | tr -d ' =' > "$work/names"
  grep -oE '\{ *[A-Z][A-Z0-9_]* = [0-9]+' "$ours" | sed 's/{ *//; s/ =.*//' >> "$work/names" || true
  sort -u -o "$work/names" "$work/names"
  values "$work/ours" "$work/names" "$ours"
  values "$work/theirs" "$work/names" "$1"
  if diff "$work/ours" "$work/theirs" > "$work/diff"; then
    echo "$(basename "$ours"): $(wc -l < "$work/names") values agree"
  else
    echo "$(basename "$ours"): ours (<) and NVIDIA's (>) differ:" >&2
    grep '^[<>]' "$work/diff" >&2
    failed=1
  fi
}

compare "$here/cuda/driver_types.h" cuda.h cuda.h
compare "$here/nvrtc/nvrtc_types.h" nvrtc.h nvrtc.h
compare "$here/cudnn/cudnn_types.h" cudnn.h cuda_runtime_api.h
compare "$here/cublaslt/cublaslt_types.h" cublasLt.h cuda_runtime_api.h

cat > "$work/sizes.txt" << 'SIZES'
sizeof(CUmemPoolProps)
sizeof(CUmemLocation)
sizeof(CUgraphExecUpdateResultInfo)
sizeof(CUuuid)
SIZES
values_of_sizes() {
  { printf '#include "%s"\n#include <cstdio>\nint main() {\n' "$1"
    while read -r e; do echo "  std::printf(\"$e %zu\\n\", $e);"; done < "$work/sizes.txt"
    echo '}'; } > "$work/sizes.cpp"
  "$cxx" -std=c++17 -w "${includes[@]}" -I"$here/cuda" -o "$work/sizes" "$work/sizes.cpp" && "$work/sizes"
}
present cuda.h || exit $failed
values_of_sizes "$here/cuda/driver_types.h" > "$work/ours"
values_of_sizes cuda.h > "$work/theirs"
if diff "$work/ours" "$work/theirs" > "$work/diff"; then
  echo "sizes of structures agree"
else
  cat "$work/diff" >&2
  failed=1
fi
exit $failed
