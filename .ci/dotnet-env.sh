# Sourced by test.sh and demo.sh: what both need before they call dotnet.

say() { printf '%s\n' "$*" >&2; }

if ! command -v dotnet >/dev/null; then
    say "The .NET SDK 10 is needed and no 'dotnet' is on the PATH. See https://dotnet.microsoft.com/download"
    exit 1
fi

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export DOTNET_GENERATE_ASPNET_CERTIFICATE=false DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=true
export DOTNET_CLI_UI_LANGUAGE=en
# Nothing stays behind when the script has ended: no build nodes, no compiler server.
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 UseSharedCompilation=false

# The SDK and NuGet keep their things under HOME; in containers that is sometimes missing or read-only.
if [ ! -d "${HOME:-}" ] || [ ! -w "${HOME:-}" ]; then
    HOME="${TMPDIR:-/tmp}/akka-regen-cache-home-$(id -u)"
    mkdir -p "$HOME"
    export HOME
    say "The home folder can't be written; packages go to $HOME"
fi
export DOTNET_CLI_HOME="${DOTNET_CLI_HOME:-$HOME}"

sdk=$(dotnet --version 2>/dev/null || true)
if [ "${sdk%%.*}" -lt 10 ] 2>/dev/null || [ -z "$sdk" ]; then
    say "The .NET SDK 10 is needed; found '${sdk:-none that works}'. See https://dotnet.microsoft.com/download"
    exit 1
fi

# restore PROJECT [arguments]: registries sometimes answer with an error that is gone at the next try.
restore() {
    local try
    for try in 1 2 3; do
        if dotnet restore "$@" -v quiet >&2; then
            return 0
        fi
        say "Restore of $1 failed (try $try of 3)."
        [ "$try" = 3 ] || sleep $((try * 5))
    done
    return 1
}

# probe_redis_client: finds the newest version of StackExchange.Redis that can be restored here with all it needs, and sets
# redis_client to it; the build takes it as -p:StackExchangeRedisVersion=$redis_client. Some mirrors lack parts of the newer ones.
probe_redis_client() {
    local project=src/AkkaRegenCache.Redis/AkkaRegenCache.Redis.csproj version log try
    for try in 1 2; do
        for version in 3.1.31 1.2.6; do
            if log=$(dotnet restore "$project" -v quiet "-p:StackExchangeRedisVersion=$version" 2>&1) \
                && ! grep -q "NU1603" <<<"$log"; then
                redis_client=$version
                return 0
            fi
        done
    done
    say "$log"
    say "No version of StackExchange.Redis can be restored."
    redis_client=3.1.31
    return 1
}

# probe_akka PROJECT...: finds out whether Akka's packages can be restored here, with those of these projects, and sets with_akka to true or false and
# no_akka to why not; the build takes it as -p:WithAkka=$with_akka.
probe_akka() {
    local log try project
    with_akka=true no_akka=
    for project in src/AkkaRegenCache/AkkaRegenCache.csproj "$@"; do
        for try in 1 2; do
            if log=$(dotnet restore "$project" -v quiet "-p:StackExchangeRedisVersion=$redis_client" 2>&1); then
                continue 2
            fi
        done
        with_akka=false
        no_akka=$(grep -o 'NU[0-9]*: .*' <<<"$log" | sed 's/ \[.*//' | head -n 1)
        no_akka="Akka's packages can't be restored here${no_akka:+ ($no_akka)}"
        return 0
    done
}
