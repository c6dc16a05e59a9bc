#!/usr/bin/env bash
# Prints the kernels of a report, longest first: summary.sh FILE.nsys-rep|FILE.ncu-rep
# With --rows: "NAME<tab>LAUNCHES<tab>MICROS" per kernel, for compare.sh.
set -euo pipefail
rows=
if [ "${1:-}" = --rows ]; then
  rows=yes
  shift
fi
file=${1:-}
[ -f "$file" ] || {
  echo "summary.sh: '$file' is no file: name a report of profile.sh" >&2
  exit 2
}

need() {
  command -v "$1" > /dev/null || {
    echo "summary.sh: $1 is not installed, and only it can read $file" >&2
    exit 2
  }
}
PATH=$PATH:/usr/local/cuda/bin

# Rows: name, launches, microseconds in all, and from ncu the mean shares of the SMs' and of the
# memory's peak and of the warps that an SM can hold.
case $file in
  *.nsys-rep)
    need nsys
    # Time (%),Total Time (ns),Instances,Avg,Med,Min,Max,StdDev,Name; names may hold commas.
    table=$(nsys stats --quiet --report cuda_gpu_kern_sum --format csv "$file" | awk -F, '
      $1 ~ /^[0-9.]+$/ && $3 ~ /^[0-9]+$/ {
        name = $9
        for (i = 10; i <= NF; i++) name = name "," $i
        gsub(/"/, "", name)
        printf "%s\t%d\t%.2f\t-\t-\t-\n", name, $3, $2 / 1000
      }')
    ;;
  *.ncu-rep)
    need ncu
    metrics=gpu__time_duration.sum,sm__throughput.avg.pct_of_peak_sustained_elapsed
    metrics+=,gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed
    metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active
    # All fields are quoted; the line under the names holds the units, in base units nanoseconds.
    table=$(ncu --import "$file" --page raw --csv --print-units base --metrics "$metrics" | awk -F'","' '
      { gsub(/^"|"$/, "") }
      /Kernel Name/ {
        for (i = 1; i <= NF; i++) at[$i] = i
        next
      }
      at["Kernel Name"] && $1 ~ /^[0-9]+$/ {
        name = $at["Kernel Name"]
        for (i = 1; i <= NF; i++) gsub(/,/, "", $i)
        n[name]++
        t[name] += $at["gpu__time_duration.sum"] / 1000
        s[name] += $at["sm__throughput.avg.pct_of_peak_sustained_elapsed"]
        m[name] += $at["gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed"]
        w[name] += $at["sm__warps_active.avg.pct_of_peak_sustained_active"]
      }
      END {
        for (k in n)
          printf "%s\t%d\t%.2f\t%.1f\t%.1f\t%.1f\n", k, n[k], t[k], s[k] / n[k], m[k] / n[k], w[k] / n[k]
      }')
    ;;
  *)
    echo "summary.sh: $file is neither an .nsys-rep nor an .ncu-rep" >&2
    exit 2
    ;;
esac
[ -n "$table" ] || {
  echo "summary.sh: $file holds no kernels" >&2
  exit 1
}
table=$(sort -t $'\t' -k3,3nr -k1,1 <<< "$table")
if [ -n "$rows" ]; then
  cut -f1-3 <<< "$table"
  exit
fi
awk -F'\t' '
  { line[NR] = $0; all += $3 }
  END {
    printf "%12s %6s %8s %10s %6s %6s %6s  %s\n", "us", "share", "launches", "us/launch", "SM %", "mem %", "warp %", "kernel"
    for (i = 1; i <= NR; i++) {
      split(line[i], f, "\t")
      printf "%12.2f %5.1f%% %8d %10.2f %6s %6s %6s  %s\n", f[3], 100 * f[3] / all, f[2], f[3] / f[2], f[4], f[5], f[6], f[1]
    }
    printf "%12.2f in all\n", all
  }' <<< "$table"
