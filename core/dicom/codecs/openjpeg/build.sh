#!/usr/bin/env bash
# Builds binary.ts: OpenJPEG as it is, without threads, and jpeg2000.c around it, as WebAssembly. What it has for SSE2 becomes
# WebAssembly's SIMD (sse/). Its memory comes from outside, where it is bounded. Core does not ask where it lies, so the code is text
# in a module.
#
#   build.sh OPENJPEG ZIG    a checkout of https://github.com/uclouvain/openjpeg, and Zig 0.13 (`python -m ziglang` of the
#                            Python package ziglang 0.13.0 will do)
#
# binary.ts was built from commit 9dd4b3c98a78f50a48fb08f27bf198d4ae1d8528 (2.5.4 and later mending).
# The packages that carry OpenJPEG on npm decode whole images only, and take 1.4 times as long.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
library=$1/src/lib/openjp2
shift
parts=(bio cio dwt event function_list ht_dec image invert j2k jp2 mct mqc openjpeg opj_malloc pi sparse_array t1 t2 tcd tgt thread)
sources=()
for part in "${parts[@]}"; do sources+=("$library/$part.c"); done
settings=$(mktemp -d)
trap 'rm -r "$settings"' EXIT
printf '#define OPJ_VERSION_MAJOR 2\n#define OPJ_VERSION_MINOR 5\n#define OPJ_VERSION_BUILD 4\n' >"$settings/opj_config.h"
printf '#define OPJ_PACKAGE_VERSION "2.5.4"\n' >"$settings/opj_config_private.h"
"$@" cc -target wasm32-wasi -mexec-model=reactor -O3 -msimd128 -mbulk-memory -flto -DNDEBUG -s \
  -Wl,--import-memory -Wl,-z,stack-size=1048576 \
  -D__SSE__ -D__SSE2__ -I"$here/sse" -I"$settings" -I"$library" "$here/jpeg2000.c" "${sources[@]}" -o "$settings/openjpeg.wasm"
{
  # As a legal comment, which bundlers keep.
  sed '1s#^/\*#/*!#; s# *$##' "$here/LICENSE"
  echo '/** OpenJPEG as WebAssembly: zlib, base64. Made by build.sh. */'
  printf "export const OPENJPEG_WASM =\n  '"
  node -e 'process.stdout.write(require("zlib").deflateSync(require("fs").readFileSync(process.argv[1]), { level: 9 }).toString("base64"))' \
    "$settings/openjpeg.wasm"
  echo "';"
} >"$here/binary.ts"
