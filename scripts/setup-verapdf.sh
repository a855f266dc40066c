#!/usr/bin/env bash
# Fetches veraPDF's library (Maven; used by the tests alone) and compiles the check of the report's PDF, into .cache/verapdf.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out="$root/.cache/verapdf"
mkdir -p "$out"
mvn -q -B -f "$root/scripts/verapdf/pom.xml" dependency:copy-dependencies -DoutputDirectory="$out"
javac -cp "$out/*" -d "$out" "$root/scripts/verapdf/CheckPdf.java"
echo "Ready: the tests of the report now validate its PDF."
