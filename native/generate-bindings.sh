#!/usr/bin/env bash
# Regenerates the bindings under src/main/java from headers/, symbols/ and the libraries' own headers.
#
#   native/generate-bindings.sh JEXTRACT ONEDNN_INCLUDE CUDA_INCLUDE CUDNN_INCLUDE
#
# JEXTRACT        the jextract command (build it from openjdk/jextract; it is in no registry)
# ONEDNN_INCLUDE  the include folder inside the org.bytedeco:dnnl native jar of the version in pom.xml,
#                 unpacked: org/bytedeco/dnnl/<platform>/include
# CUDA_INCLUDE    an include folder of CUDA 13 with cuda.h, nvrtc.h, cublasLt.h and nvtx3/; the wheels
#                 nvidia-cuda-runtime, nvidia-cuda-nvrtc, nvidia-cublas, nvidia-nvtx and
#                 nvidia-cuda-crt put it at nvidia/cu13/include
# CUDNN_INCLUDE   an include folder of cuDNN 9; the wheel nvidia-cudnn-cu13 puts it at nvidia/cudnn/include
#
# Generated code is never edited by hand: change the symbol lists and run this again.
set -euo pipefail
[ $# -eq 4 ] || { sed -n '2,15p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
jextract=$1
onednn=$2
cuda=$3
cudnn=$4
out=$here/src/main/java
rm -rf "$out/io/github/morseengine/bindings"
mkdir -p "$out"

# bind NAME CLASS [-I FOLDER]...: headers/NAME.h with the symbols of symbols/NAME.txt
bind() {
  local name=$1 class=$2
  shift 2
  "$jextract" --output "$out" -t "io.github.morseengine.bindings.$name" --header-class-name "$class" \
    "$@" "@$here/symbols/$name.txt" "$here/headers/$name.h"
}

bind onednn OneDnn -I "$onednn"
bind openmp OpenMp
bind cuda Cuda -I "$cuda"
bind nvrtc Nvrtc -I "$cuda"
bind cudnn Cudnn -I "$cudnn" -I "$cuda"
bind cublaslt CublasLt -I "$cuda"
bind nvtx Nvtx -I "$cuda"
