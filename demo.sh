#!/usr/bin/env bash
# Runs a small web farm on this machine and shows what the cache does for it. Needs the .NET SDK 10 and nothing else.
#
#   ./demo.sh [--seconds N] [--trace FILE] [--json] ...     (./demo.sh --help tells all)
set -euo pipefail
cd "$(dirname "$0")"
. .ci/dotnet-env.sh

project=src/AkkaRegenCache.Demo
say "Building the demo (the first time takes a minute) ..."
restore "$project"
dotnet build "$project" -c Release --no-restore -v quiet --nologo >&2
say "Starting the farm ..."
exec dotnet run -c Release --no-build --project "$project" -- "$@"
