#!/usr/bin/env bash
# Tests of the simulated device itself: kernels/sim/test/run.sh DIR [part of a case's name]
# DIR is where build.sh has put, or will put, the libraries.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { echo "usage: $0 DIR [part of a name]" >&2; exit 2; }
"$here/../build.sh" "$1"
out=$(cd "$1" && pwd)
cxx=${MORSE_SIM_CXX:-g++}
mkdir -p "$out/test"
objects=()
for source in "$here"/*.cpp; do
  object=$out/test/$(basename "$source" .cpp).o
  objects+=("$object")
  if [ ! "$object" -nt "$source" ] || [ ! "$object" -nt "$here/test.h" ] || [ ! "$object" -nt "$here/../cuda/driver_types.h" ]; then
    "$cxx" -std=c++17 -O1 -Wall -Wextra -Werror -I"$here/../cuda" -c "$source" -o "$object"
  fi
done
"$cxx" "${objects[@]}" -ldl -o "$out/test/sim_test"
exec "$out/test/sim_test" "$out" "${2:-}"
