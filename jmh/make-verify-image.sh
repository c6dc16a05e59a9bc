#!/usr/bin/env bash
# Makes what verify-gpu.sh carries to a machine with a GPU: jmh/make-verify-image.sh [FILE]
# (default: target/verify-gpu.tar.gz beside this file). Needs a JDK 25 and what Maven built:
# it builds where something is missing or older than its source; --no-build takes what is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
home=${here%/*}
limit=$((45 * 1024 * 1024))
build=yes
if [ "${1:-}" = --no-build ]; then
  build=no
  shift
fi
file=${1:-$here/target/verify-gpu.tar.gz}

jdk=
for candidate in "${MORSE_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* "${HOME:-}"/.jdks/* \
  "${HOME:-}"/.sdkman/candidates/java/*; do
  version=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$candidate/release" 2> /dev/null || true)
  if [ "${version:-0}" -ge 25 ] && [ -x "$candidate/bin/jlink" ]; then
    jdk=$candidate
    break
  fi
done
if [ -z "$jdk" ]; then
  echo "make-verify-image.sh: no JDK 25 or newer with jlink found: point MORSE_JAVA_HOME at one" >&2
  exit 1
fi
if [ $build = yes ]; then
  (cd "$home" && mvn -q -B -DskipTests -Dspotless.check.skip -pl tests -am package >&2)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/verify-gpu
mkdir -p "$root/app" "$root/data/onnx-models/shipped/emoji32" \
  "$root/data/tests/src/test/resources/golden"
"$jdk/bin/jlink" --add-modules java.base,java.logging,java.management,jdk.unsupported \
  --strip-debug --no-header-files --no-man-pages --compress zip-9 --output "$root/runtime"
# NVIDIA's libraries are the target machine's; the CPU backend's are not needed.
for jar in "$home"/java/cli/target/lib/*.jar; do
  case ${jar##*/} in
    dnnl-* | picocli-* | jackson-* | xchart-*) ;;
    *) cp "$jar" "$root/app/" ;;
  esac
done
classes=$home/tests/target/test-classes/io/github/morseengine/tests
[ -d "$classes/verify" ] || {
  echo "make-verify-image.sh: $classes/verify is missing: run it without --no-build" >&2
  exit 1
}
mkdir -p "$work/classes/io/github/morseengine/tests"
cp -R "$classes/verify" "$classes/kernels" "$classes/support" "$work/classes/io/github/morseengine/tests/"
find "$work/classes" -name '*Test*.class' -delete
"$jdk/bin/jar" -c -f "$root/app/verify.jar" -C "$work/classes" .
cp "$home"/onnx-models/shipped/emoji32/{dash.onnx,dot.onnx,weights.bin,labels.txt,scheduler_config.json} \
  "$root/data/onnx-models/shipped/emoji32/"
cp -R "$home/tests/src/test/resources/golden/emoji32" "$root/data/tests/src/test/resources/golden/"
mkdir -p "$root/data/kernels/proof"
cp "$home/kernels/proof/pointwise.cu" "$root/data/kernels/proof/"
cp "$here/verify-gpu.sh" "$here/torch_times.py" "$root/"
cp -R "$here/nsight" "$root/"

mkdir -p "$(dirname "$file")"
tar -C "$work" -cf - verify-gpu | gzip -9 > "$file.part"
size=$(wc -c < "$file.part")
if [ "$size" -gt $limit ]; then
  rm "$file.part"
  echo "make-verify-image.sh: the image has $size bytes, more than $limit" >&2
  exit 1
fi
mv "$file.part" "$file"
echo "$file: $((size / 1024)) KiB, unpacked $(du -sk "$root" | cut -f1) KiB"
