#!/usr/bin/env bash
# Runs a small web farm on this machine and shows what the cache does for it. Needs the .NET SDK 10 and nothing else; with --redis and no
# address, also a redis-server on the PATH.
#
#   ./demo.sh [--seconds N] [--redis [host:port]] [--trace FILE] [--json] ...     (./demo.sh --help tells all)
set -euo pipefail
cd "$(dirname "$0")"
. .ci/dotnet-env.sh

project=src/AkkaRegenCache.Demo
say "Building the demo (the first time takes a minute) ..."
probe_redis_client && say "StackExchange.Redis $redis_client"
probe_akka
[ "$with_akka" = true ] || say "$no_akka: the demo runs without the cluster."
properties=("-p:StackExchangeRedisVersion=$redis_client" "-p:WithAkka=$with_akka")
restore "$project" "${properties[@]}"
dotnet build "$project" "${properties[@]}" -c Release --no-restore -v quiet --nologo >&2
say "Starting the farm ..."
exec dotnet "$project/bin/Release/net10.0/AkkaRegenCache.Demo.dll" "$@"
