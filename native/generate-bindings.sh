#!/usr/bin/env bash
# Regenerates the bindings under src/main/java from headers/, symbols/ and the oneDNN headers.
#
#   native/generate-bindings.sh JEXTRACT ONEDNN_INCLUDE
#
# JEXTRACT        the jextract command (build it from openjdk/jextract; it is in no registry)
# ONEDNN_INCLUDE  the include folder inside the org.bytedeco:dnnl native jar of the version in pom.xml,
#                 unpacked: org/bytedeco/dnnl/<platform>/include
#
# Generated code is never edited by hand: change the symbol lists and run this again.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,9p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
jextract=$1
include=$2
out=$here/src/main/java
root=io.github.morseengine.bindings
rm -rf "$out/io/github/morseengine/bindings"
mkdir -p "$out"
"$jextract" --output "$out" -t "$root.onednn" --header-class-name OneDnn \
  -I "$include" "@$here/symbols/onednn.txt" "$here/headers/onednn.h"
"$jextract" --output "$out" -t "$root.openmp" --header-class-name OpenMp \
  "@$here/symbols/openmp.txt" "$here/headers/openmp.h"
