#!/usr/bin/env bash
# Compares two reports of profile.sh: compare.sh BEFORE AFTER
# Per kernel the time of a launch in both and after / before, largest change of total time first.
# Kernels of only one report are marked.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# = 2 ] || {
  echo "usage: compare.sh BEFORE AFTER (two .nsys-rep or two .ncu-rep of profile.sh)" >&2
  exit 2
}
[ "${1##*.}" = "${2##*.}" ] || {
  echo "compare.sh: $1 and $2 are of two tools, whose times differ: compare two of one" >&2
  exit 2
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/summary.sh" --rows "$1" > "$work/before"
"$here/summary.sh" --rows "$2" > "$work/after"
awk -F'\t' '
  function size(x) { return x < 0 ? -x : x }
  FNR == NR { n[$1] = $2; t[$1] = $3; a += $3; next }
  { m[$1] = $2; u[$1] = $3; b += $3 }
  END {
    for (k in t) name[k]
    for (k in u) name[k]
    for (k in name) {
      old = k in t
      new = k in u
      x = old ? t[k] / n[k] : 0
      y = new ? u[k] / m[k] : 0
      change = (new ? u[k] : 0) - (old ? t[k] : 0)
      printf "%.2f\t%10s %10s %8s %12.2f  %s%s\n", size(change), old ? sprintf("%.2f", x) : "-",
        new ? sprintf("%.2f", y) : "-", old && new ? sprintf("%.3f", y / x) : "-", change, k,
        old && new ? "" : old ? "  (before only)" : "  (after only)"
    }
    printf "-1\t%10.2f %10.2f %8.3f %12.2f  all launches\n", a, b, b / a, b - a
  }' "$work/before" "$work/after" | sort -t $'\t' -k1,1nr | cut -f2- |
  { printf '%10s %10s %8s %12s  %s\n' "us before" "us after" "ratio" "change of us" kernel && cat; }
