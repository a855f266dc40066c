#!/usr/bin/env bash
# Builds binary.ts from samples.c as WebAssembly with SIMD. Core does not ask where it lies, so the code is text in a module.
#
#   build.sh ZIG    Zig 0.13 (`python -m ziglang` of the Python package ziglang 0.13.0 will do)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
built=$(mktemp -d)
trap 'rm -r "$built"' EXIT
"$@" cc -target wasm32-freestanding -nostdlib -O3 -msimd128 -s -Wl,--no-entry -Wl,-z,stack-size=1024 \
  "$here/samples.c" -o "$built/samples.wasm"
{
  echo '/** samples.c as WebAssembly, base64. Made by build.sh. */'
  printf "export const SAMPLES_WASM =\n  '"
  base64 -w0 "$built/samples.wasm"
  echo "';"
} >"$here/binary.ts"
