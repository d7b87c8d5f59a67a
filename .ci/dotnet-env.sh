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

# Lines of NuGet that are known and mean nothing: a registry that lacks the lowest version of something takes the next one (NU1603). Each is told once,
# in a restore, and not once for each project.
known_near_versions="LightningDB"

# What a restore has told, a build doesn't tell again for each project.
quiet_restore=(-p:MSBuildWarningsAsMessages=NU1603)

# restore PROJECT: registries sometimes answer with an error that is gone at the next try.
restore() {
    local try log code
    for try in 1 2 3; do
        code=0
        log=$(dotnet restore "$1" -v quiet 2>&1) || code=$?
        tell_restore "$log"
        [ "$code" != 0 ] || return 0
        say "Restore of $1 failed with exit code $code (try $try of 3)."
        [ "$try" = 3 ] || sleep $((try * 5))
    done
    say "$log"
    return 1
}

# tell_restore LOG: each of its messages once, without the projects that it came from. Most registries give none: that is no failure.
tell_restore() {
    local line
    { grep -E ': (error|warning) ' <<<"$1" || true; } | sed -E 's/^.* : (error|warning) /\1 /; s/ \[[^]]*\]$//' | sort -u | while IFS= read -r line; do
        case " $known_near_versions " in
            *" $(sed -nE 's/^warning NU1603: .* but ([^ ]+) .* was not found.*/\1/p' <<<"$line") "*)
                say "The registry took a neighbouring version: ${line#warning NU1603: }" ;;
            *) say "$line" ;;
        esac
    done
    return 0
}
