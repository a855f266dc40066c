#!/usr/bin/env bash
# Builds the native engine of @tensorflow/tfjs-node-gpu against the libtensorflow of a TensorFlow wheel from PyPI.
#
#   npm run setup:tensorflow                     the CPU build (tensorflow-cpu, 274 MB)
#   npm run setup:tensorflow -- --cuda           the CUDA build (tensorflow, 572 MB; CUDA 12.5, cuDNN 9; runs on a CPU too)
#   npm run setup:tensorflow -- --version 2.18.1 another TensorFlow (2.15 to 2.21 are known to work)
#   npm run setup:tensorflow -- --force          builds again, even if what is there works
#
# Why not the package's own install script: it fetches libtensorflow 2.9.1 (CUDA 11.2) from a host that many sites block.
# The addon is the same C++ file for CPU and CUDA, so one package serves both. Python only downloads and unpacks the wheel;
# nothing of it runs later. Without this step the application works too: training then runs on WebAssembly.
set -euo pipefail
cd "$(dirname "$0")/.."

WHEEL=tensorflow-cpu
VERSION=2.21.0
FORCE=no
while [ $# -gt 0 ]; do
  case "$1" in
    --cpu) WHEEL=tensorflow-cpu ;;
    --cuda) WHEEL=tensorflow ;;
    --version) VERSION=${2:?--version needs a version}; shift ;;
    --force) FORCE=yes ;;
    -h | --help) sed -n '2,8p' "$0" | cut -c3-; exit 0 ;;
    *) echo "unknown option: $1 (see --help)" >&2; exit 2 ;;
  esac
  shift
done

fail() { # what is missing, what helps
  printf 'setup:tensorflow: %s\n%s\n' "$1" "$2" >&2
  exit 1
}

PACKAGE=$PWD/node_modules/@tensorflow/tfjs-node-gpu
STAMP=$PACKAGE/deps/built-from
[ -f "$PACKAGE/binding.gyp" ] || fail "@tensorflow/tfjs-node-gpu is not installed." "Run npm ci first."

# What the addon computes must be right, so a gradient is the proof: d sum(X X) / dX of [[1,2],[3,4]].
prove() {
  TF_CPP_MIN_LOG_LEVEL=2 node -e '
    const util = require("node:util");
    util.isNullOrUndefined ??= (value) => value == null;
    util.isArray ??= Array.isArray;
    const tf = require("@tensorflow/tfjs-node-gpu");
    const [gradient] = tf.grads((x) => tf.sum(tf.matMul(x, x)))([tf.tensor2d([[1, 2], [3, 4]])]);
    if (gradient.arraySync().join() !== "7,11,9,13") throw new Error(`wrong gradient: ${gradient.arraySync()}`);
    const device = tf.backend().isUsingGpuDevice ? "a CUDA device" : "the CPU";
    console.log(`libtensorflow ${tf.backend().binding.TF_Version} works and uses ${device}.`);
  ' 2> "$1"
}

LOG=$(mktemp)
trap 'rm -rf "$LOG" "${STAGE:-}"' EXIT
if [ "$FORCE" = no ] && [ "$(cat "$STAMP" 2> /dev/null)" = "$WHEEL $VERSION" ] && prove "$LOG"; then exit 0; fi

# ---------------------------------------------------------------------------------------------------- what is needed
[ "$(uname -s)" = Linux ] || fail "this recipe knows Linux only." \
  "Training runs on WebAssembly here; or run the engine on a Linux machine (chexreason serve)."
case "$(uname -m)" in
  x86_64) PLATFORMS="manylinux_2_27_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64" ;;
  aarch64) PLATFORMS="manylinux_2_27_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64" ;;
  *) fail "there is no TensorFlow wheel for $(uname -m)." "Training runs on WebAssembly here." ;;
esac
PYTHON=${PYTHON:-python3}
"$PYTHON" -m pip --version > /dev/null 2>&1 || fail "python3 with pip is missing; it downloads the wheel." \
  "Debian, Ubuntu: apt-get install python3-pip. Another Python: PYTHON=/path/to/python3."
for tool in g++ make; do
  command -v "$tool" > /dev/null || fail "$tool is missing; it compiles the addon." "Debian, Ubuntu: apt-get install build-essential."
done

NODE_ROOT=""
for candidate in "${NODEDIR:-}" "$(node -p 'require("path").resolve(process.execPath, "../..")')" /usr /usr/local; do
  if [ -n "$candidate" ] && [ -f "$candidate/include/node/node_api.h" ]; then NODE_ROOT=$candidate; break; fi
done
[ -n "$NODE_ROOT" ] || fail "the headers of Node (include/node/node_api.h) were found neither beside $(command -v node) nor under /usr." \
  "Official builds of Node bring them; Debian, Ubuntu: apt-get install libnode-dev. Elsewhere: NODEDIR=/folder/with/include."

NODE_GYP=${NODE_GYP:-$(npm root -g)/npm/node_modules/node-gyp/bin/node-gyp.js}
[ -f "$NODE_GYP" ] || fail "node-gyp was not found inside npm ($NODE_GYP)." "Set NODE_GYP to the path of node-gyp.js."

# ------------------------------------------------------------------------------------------------------------- wheel
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/chexreason/$WHEEL-$VERSION
mkdir -p "$CACHE"
if ! ls "$CACHE"/*.whl > /dev/null 2>&1; then
  echo "Downloading $WHEEL $VERSION …"
  # Any Python may fetch it: the tags name the wheel, not the Python that runs pip.
  "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --implementation cp --python-version 311 --abi cp311 $(printf -- '--platform %s ' $PLATFORMS) \
    --dest "$CACHE" "$WHEEL==$VERSION" > "$LOG" 2>&1 ||
    fail "pip could not download $WHEEL $VERSION: $(tail -1 "$LOG")" "Check the network and pip's index (pip config list)."
fi

# ------------------------------------------------------------------------------------------------------------- build
# In a folder beside, so that a failure leaves what was there.
STAGE=$(mktemp -d "$PWD/node_modules/.setup-tensorflow.XXXXXX")
cp -r "$PACKAGE/binding" "$PACKAGE/binding.gyp" "$PACKAGE/package.json" "$STAGE"
"$PYTHON" - "$STAGE/deps" "$CACHE"/*.whl << 'EXTRACT' || fail "the wheel could not be unpacked." "Remove $CACHE and try again."
"""Libraries to deps/lib, the headers of the C API to deps/include."""
import os, re, shutil, sys, zipfile

deps, wheel = sys.argv[1:]
header = re.compile(
    r'tensorflow/include/(tensorflow/c/.*|tensorflow/(core|tsl)/platform/ctstring.*|tsl/.*|xla/tsl/c/.*)\.h$')
library = re.compile(r'tensorflow/(libtensorflow(_cc|_framework)\.so\.2)$')
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if library.match(name):
            target = os.path.join(deps, 'lib', library.match(name).group(1))
        elif header.match(name):
            target = os.path.join(deps, 'include', name[len('tensorflow/include/'):])
        else:
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with archive.open(name) as source, open(target, 'wb') as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
EXTRACT
[ -f "$STAGE/deps/lib/libtensorflow_cc.so.2" ] || fail "the wheel of $WHEEL $VERSION has no libtensorflow_cc." "Use 2.15 or newer."
ln -s libtensorflow_cc.so.2 "$STAGE/deps/lib/libtensorflow.so"
ln -s libtensorflow_framework.so.2 "$STAGE/deps/lib/libtensorflow_framework.so"

echo "Compiling the addon …"
NAPI=$(node -p 'Math.min(8, process.versions.napi)')
(cd "$STAGE" && CXXFLAGS="-std=gnu++17 -O2" node "$NODE_GYP" rebuild --nodedir="$NODE_ROOT" --napi_build_version="$NAPI" \
  --module_name=tfjs_binding --module_path="$STAGE/lib/napi-v$NAPI") > "$LOG" 2>&1 ||
  fail "the addon did not compile: $(grep -m 3 -E 'error|Error' "$LOG" || tail -5 "$LOG")" "Headers were taken from $NODE_ROOT."

rm -rf "$PACKAGE/deps" "$PACKAGE/lib"
echo "$WHEEL $VERSION" > "$STAGE/deps/built-from"
mv "$STAGE/deps" "$STAGE/lib" "$PACKAGE"
prove "$LOG" || fail "the addon was built but does not work: $(tail -5 "$LOG")" "Try another --version, or remove $PACKAGE/lib to do without."
if [ "$WHEEL" = tensorflow ] && ! ls /dev/nvidia0 > /dev/null 2>&1; then
  echo "No NVIDIA device is here. On one, CUDA 12.5 and cuDNN 9 must be found by the loader, or lie in"
  echo "$PACKAGE/deps/nvidia/<library>/lib, as PyPI's nvidia-*-cu12 wheels unpack."
fi
