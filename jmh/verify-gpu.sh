#!/usr/bin/env bash
# Checks and measures the CUDA backend on this machine's GPU; needs no Java and no network.
# See README.md beside this file. Options:
#
#   --image FILE      the archive of make-verify-image.sh (default: target/verify-gpu.tar.gz beside
#                     this file); in an unpacked archive this script uses what lies beside it
#   --out DIR         the report's folder (default: verify-gpu-report); must be new or empty
#   --budget SECONDS  time for everything (default 450, at most 470)
#   --quick           small shapes and few runs: for the simulated device
#
# Exit code: 0 if all checks passed, 1 if one failed, 2 for wrong arguments.
set -euo pipefail

fail() {
  echo "verify-gpu.sh: $*" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=$here/target/verify-gpu.tar.gz
out=verify-gpu-report
budget=450
quick=
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=quick ;;
    --image | --out | --budget)
      [ $# -gt 1 ] || fail "$1 needs a value"
      case $1 in
        --image) image=$2 ;;
        --out) out=$2 ;;
        --budget) budget=$2 ;;
      esac
      shift
      ;;
    *) fail "unknown argument '$1'; options are --image FILE, --out DIR, --budget SECONDS, --quick" ;;
  esac
  shift
done
[[ $budget =~ ^[0-9]+$ ]] && [ "$budget" -ge 30 ] && [ "$budget" -le 470 ] ||
  fail "--budget $budget: give 30 to 470 seconds"
[ ! -e "$out" ] || { [ -d "$out" ] && [ -z "$(ls -A "$out")" ]; } ||
  fail "$out is there already: remove it or name another by --out"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -x "$here/runtime/bin/java" ]; then
  root=$here
elif [ -f "$image" ]; then
  tar -xzf "$image" -C "$work"
  root=$work/verify-gpu
else
  fail "$image is missing: make it by jmh/make-verify-image.sh on a machine with a JDK 25 and Maven"
fi

# Compiled kernels are kept for this run only: what is checked includes their compilation.
"$root/runtime/bin/java" -XX:+UseSerialGC -Xmx256m \
  -Dmorse.repository="$root/data" -Dmorse.cache="${MORSE_VERIFY_CACHE:-$work/cache}" \
  ${MORSE_CUDA_PATH:+-Dmorse.cuda.path="$MORSE_CUDA_PATH"} \
  -cp "$root/app/*" io.github.morseengine.tests.verify.Verify "$out" "$budget" "$root" $quick
