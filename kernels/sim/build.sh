#!/usr/bin/env bash
# Builds the simulated CUDA libraries into a folder:
#   kernels/sim/build.sh DIR        then        MORSE_CUDA_PATH=DIR ./morse ... --backend cuda
# Needs g++ 12 or newer (MORSE_SIM_CXX names another). Does nothing where DIR is newer than the sources.
set -euo pipefail

if [ $# != 1 ]; then
  echo "usage: $0 DIR" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
cxx=${MORSE_SIM_CXX:-g++}
if ! command -v "$cxx" > /dev/null; then
  echo "build.sh: $cxx is not on the PATH; the simulated device needs g++ 12 or newer (Debian, Ubuntu: apt install g++)" >&2
  exit 1
fi

# One build at a time in a folder; the others wait and find it done.
exec 9> "$out/.lock"
flock 9
if [ -e "$out/.built" ] && [ -z "$(find "$here" -newer "$out/.built" -type f \
    \( -name '*.cpp' -o -name '*.h' -o -name '*.cuh' -o -name build.sh \) -print -quit)" ]; then
  exit 0
fi

flags=(-std=c++17 -O2 -ffp-contract=fast -march=native -fPIC -fvisibility=hidden -Wall -Wextra -Werror
       -fno-strict-aliasing -fno-omit-frame-pointer -pthread)

# library NAME FOLDER [LINK...]: all .cpp of the folder; objects are rebuilt where a source changed.
library() {
  local name=$1 folder=$here/$2 objects=() pids=() source object
  shift 2
  local newest
  newest=$(find "$here" \( -name '*.h' -o -name build.sh \) -printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-)
  mkdir -p "$out/obj"
  for source in "$folder"/*.cpp; do
    object=$out/obj/$(basename "$folder")-$(basename "$source" .cpp).o
    objects+=("$object")
    if [ "$object" -nt "$source" ] && [ "$object" -nt "$newest" ]; then continue; fi
    "$cxx" "${flags[@]}" -I"$here/cuda" -I"$here/include" -c "$source" -o "$object.part" && mv "$object.part" "$object" &
    pids+=($!)
    if [ ${#pids[@]} -ge 2 ]; then
      wait "${pids[0]}"
      pids=("${pids[@]:1}")
    fi
  done
  for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid"; done
  "$cxx" -shared -pthread -Wl,-soname,"$name" -Wl,-z,defs -Wl,-rpath,'$ORIGIN' \
    "${objects[@]}" "$@" -ldl -o "$out/$name.part"
  mv "$out/$name.part" "$out/$name"
}

rm -f "$out/.built"
rm -rf "$out/include"
mkdir -p "$out/include"
cp "$here"/include/* "$out/include/"
library libcuda.so.1 cuda
library libnvrtc.so.13 nvrtc
# Libraries over the driver, where they are there.
for pair in cudnn:libcudnn.so.9 cublaslt:libcublasLt.so.13; do
  if compgen -G "$here/${pair%%:*}/*.cpp" > /dev/null; then
    library "${pair##*:}" "${pair%%:*}" "$out/libcuda.so.1"
  fi
done
touch "$out/.built"
