#!/usr/bin/env bash
# A GPU in software for the tests of WebGPU, f16 included: Mesa's lavapipe (Debian: mesa-vulkan-drivers), made acceptable to
# Dawn by scripts/lavapipe/shim.c (which needs gcc and libvulkan-dev). The tests find it in .cache/lavapipe.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=.cache/lavapipe
[ -n "$(find / -name libvulkan_lvp.so -not -path '/proc/*' 2> /dev/null | head -1)" ] || { echo "lavapipe is not installed"; exit 1; }
mkdir -p "$OUT"
gcc -shared -fPIC -O1 -o "$OUT/liblavapipe-shim.so" scripts/lavapipe/shim.c -ldl
printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' \
  "$PWD/$OUT/liblavapipe-shim.so" > "$OUT/icd.json"
