#!/usr/bin/env bash
# Runs a small web farm on this machine and shows what the cache does for it. Needs the .NET SDK 10 and nothing else; with --redis and no
# address, also a redis-server on the PATH.
#
#   ./demo.sh [--seconds N] [--redis [host:port]] [--trace FILE] [--json] ...     (./demo.sh --help tells all)
set -euo pipefail
cd "$(dirname "$0")"
project=src/AkkaRegenCache.Demo

# Asked for help only: the text is in the sources, and nothing must be built to read it.
for argument in "$@"; do
    if [ "$argument" = --help ] || [ "$argument" = -h ]; then
        cat "$project/usage.txt"
        exit 0
    fi
done

. .ci/dotnet-env.sh

say "Building the demo (the first time takes a minute) ..."
restore "$project"
# Told only where it fails: what a newer SDK or analyzer warns of is for this project's developers.
log=$(dotnet build "$project" -c Release --no-restore -v quiet --nologo -clp:ErrorsOnly 2>&1) || { say "$log"; exit 1; }
say "Starting the farm ..."
exec dotnet "$project/bin/Release/net10.0/AkkaRegenCache.Demo.dll" "$@"
