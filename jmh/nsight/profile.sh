#!/usr/bin/env bash
# Profiles one kernel, one network or one generation with Nsight and prints a summary.
#
#   profile.sh [OPTIONS] kernel NAME | step dash | step dot | generation
#
#   --tool nsys|ncu|both   default: whichever are installed
#   --out DIR              receives NAME.nsys-rep and NAME.ncu-rep (default: nsight-reports)
#   --image DIR            an unpacked archive of jmh/make-verify-image.sh; default: where this file
#                          lies in one, else jmh/target/verify-gpu.tar.gz
#   --launches N           kernels that ncu measures (default 20 of a kernel, 200 else)
#   --quick                small shapes: for the simulated device
#
# nsys shows the ranges "load", "step", "Dash step", "Dot step", "update" and one per operator, if
# NVTX is found (morse doctor); without it, kernels by name only. ncu works alone.
set -euo pipefail

fail() {
  echo "profile.sh: $*" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tool=auto
out=nsight-reports
image=
launches=
quick=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=quick ;;
    --tool | --out | --image | --launches)
      [ $# -gt 1 ] || fail "$1 needs a value"
      case $1 in
        --tool) tool=$2 ;;
        --out) out=$2 ;;
        --image) image=$2 ;;
        --launches) launches=$2 ;;
      esac
      shift
      ;;
    -*) fail "unknown option '$1': see the head of this file" ;;
    *) break ;;
  esac
  shift
done
case "${1:-} ${2:-}" in
  kernel\ ?* | "step dash" | "step dot") only=$2 ;;
  "generation ") only=generation ;;
  *) fail "say what to profile: kernel NAME, step dash, step dot, or generation" ;;
esac
case $tool in auto | nsys | ncu | both) ;; *) fail "--tool $tool: use nsys, ncu or both" ;; esac
[[ ${launches:-1} =~ ^[1-9][0-9]*$ ]] || fail "--launches $launches: give a whole number above 0"

# Prints the program's path; nothing where there is none.
locate() {
  command -v "$1" || for f in /usr/local/cuda/bin /opt/nvidia/nsight-*/*/ /opt/nvidia/nsight-*/*/bin; do
    if [ -x "$f/$1" ]; then echo "$f/$1" && break; fi
  done
}
nsys=$(locate nsys || true)
ncu=$(locate ncu || true)
missing="is not installed: it comes with the CUDA toolkit, or from developer.nvidia.com/nsight"
case $tool in
  nsys | both) [ -n "$nsys" ] || fail "nsys (Nsight Systems) $missing-systems" ;;
esac
case $tool in
  ncu | both) [ -n "$ncu" ] || fail "ncu (Nsight Compute) $missing-compute" ;;
esac
[ -n "$nsys$ncu" ] || fail "neither nsys nor ncu is there; Nsight Compute alone is enough; each $missing-compute"
[ "$tool" != nsys ] || ncu=
[ "$tool" != ncu ] || nsys=

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "$image" ]; then
  root=$image
elif [ -x "$here/../runtime/bin/java" ]; then
  root=$here/..
else
  archive=$here/../target/verify-gpu.tar.gz
  [ -f "$archive" ] || fail "$archive is missing: make it by jmh/make-verify-image.sh, or name an unpacked one by --image"
  tar -xzf "$archive" -C "$work"
  root=$work/verify-gpu
fi
[ -x "$root/runtime/bin/java" ] || fail "$root holds no runtime/bin/java: unpack the archive of jmh/make-verify-image.sh there"

java=("$root/runtime/bin/java" -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED
  --sun-misc-unsafe-memory-access=allow -Dmorse.nvtx=true -Dmorse.repository="$root/data")
[ -z "${MORSE_CUDA_PATH:-}" ] || java+=(-Dmorse.cuda.path="$MORSE_CUDA_PATH")
[ -z "${MORSE_VERIFY_CACHE:-}" ] || java+=(-Dmorse.cache="$MORSE_VERIFY_CACHE")
java+=(-cp "$root/app/*" io.github.morseengine.tests.verify.Part profile "only=$only" $quick)

mkdir -p "$out"
# The workload reports its own failure in its last lines; a profiler may hide the exit code.
run() {
  "$@" > "$work/said.txt" 2>&1 || { cat "$work/said.txt" >&2; fail "$1 failed, see above"; }
  if grep -q '^check.wrong' "$work/said.txt"; then
    cat "$work/said.txt" >&2
    fail "the workload failed, see above"
  fi
}
if [ -n "$nsys" ]; then
  echo "nsys: $out/$only.nsys-rep"
  run "$nsys" profile --trace=cuda,nvtx,cudnn,cublas --cuda-graph-trace=node --sample=none \
    --force-overwrite=true --output="$out/$only" "${java[@]}"
  "$here/summary.sh" "$out/$only.nsys-rep"
  "$nsys" stats --quiet --report nvtx_sum --format column "$out/$only.nsys-rep" || true
fi
if [ -n "$ncu" ]; then
  echo "ncu: $out/$only.ncu-rep"
  [ -n "$launches" ] || { [ "$1" = kernel ] && launches=20 || launches=200; }
  run "$ncu" --nvtx --graph-profiling node --launch-count "$launches" --set detailed \
    --force-overwrite --export "$out/$only" "${java[@]}"
  "$here/summary.sh" "$out/$only.ncu-rep"
fi
