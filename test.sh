#!/usr/bin/env bash
# Builds everything and runs every test suite. Needs the .NET SDK 10; the suites on Redis need a redis-server on the PATH, which is installed
# where this is root on a machine with apt-get, and else they are skipped.
# Ends with one line, "N passed, N failed, N skipped"; the exit code is 0 only when tests ran and none failed.
#
#   ./test.sh [--full] [arguments for dotnet test, e.g. --filter Name~Awaiting]
#
# --full: also what takes long: native compilation, and every case of theories that in a cluster are played in a third of their cases.
set -euo pipefail
cd "$(dirname "$0")"
. .ci/dotnet-env.sh

if [ "${1:-}" = --full ]; then
    export REGENCACHE_TESTS=full
    shift
fi

results=$PWD/TestResults
passed=0 failed=0 skipped=0
not_run=()
notes=()
[ "${REGENCACHE_TESTS:-}" = full ] || notes+=("in --full only: AotTests' native compilation, and two thirds of some scenarios' cases in a cluster")

finish() {
    local each
    for each in ${notes[@]+"${notes[@]}"}; do
        echo "$each"
    done
    for each in ${not_run[@]+"${not_run[@]}"}; do
        echo "did not run: $each"
    done
    # A suite that couldn't run has failed: the last line must not read as if all were well.
    failed=$((failed + ${#not_run[@]}))
    if [ $((passed + failed)) -eq 0 ]; then
        echo "No test ran."
        failed=1
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

# The test projects of a solution, with slashes as this system has them.
suites_of() {
    local project
    while IFS= read -r project; do
        if grep -q Microsoft.NET.Test.Sdk "$project"; then
            echo "$project"
        fi
    done < <(grep -o '"[^"]*\.csproj"' "$1" | tr -d '"' | sed 's|\\|/|g; s|//|/|g' | sort -u)
}

# The suites on Redis start servers of their own, each on a free port; the package's service is not wanted.
find_redis() {
    command -v redis-server >/dev/null && return 0
    local why="redis-server is not on the PATH"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing redis-server ..."
        if { timeout 120 apt-get update -qq
            # Debian's own switch against starting services; where the machine has one already, it stays as it is.
            local policy=/usr/sbin/policy-rc.d mine=
            if [ ! -e "$policy" ]; then
                printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && mine=1
            fi
            DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq --no-install-recommends redis-server
            local code=$?
            [ -z "$mine" ] || rm -f "$policy"
            [ "$code" = 0 ]
        } >/dev/null 2>&1 && command -v redis-server >/dev/null; then
            return 0
        fi
        why="$why, and apt-get could not install it"
    fi
    notes+=("skipped: AkkaRegenCache.Redis.Tests, AkkaRegenCache.FarmLab and the MixedFarmTests of AkkaRegenCache.Cluster.Tests, but for what needs no server: $why")
    return 0
}

find_redis
solution=AkkaRegenCache.sln
mapfile -t suites < <(suites_of "$solution")

echo "Building $solution (Release) with the .NET SDK $sdk ..."
if ! restore "$solution" || ! dotnet build "$solution" -c Release --no-restore -v minimal --nologo "${quiet_restore[@]}"; then
    for suite in "${suites[@]}"; do
        not_run+=("$(basename "$suite" .csproj): the build failed, see above")
    done
    finish
    exit
fi

# counter NAME FILE: the value of an attribute of the result file's <Counters .../>.
counter() { sed -n "s/.*<Counters [^>]*\b$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1; }

rm -rf "$results"
for suite in "${suites[@]}"; do
    name=$(basename "$suite" .csproj)
    trx="$results/$name.trx"
    echo
    echo "Running $name ..."
    code=0
    dotnet test "$suite" -c Release --no-build --nologo --results-directory "$results" \
        --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
        --blame-hang-timeout 20m --blame-hang-dump-type none "$@" || code=$?

    total=0 executed=0 ok=0 bad=0
    if [ -f "$trx" ]; then
        total=$(counter total "$trx") executed=$(counter executed "$trx")
        ok=$(counter passed "$trx") bad=$(counter failed "$trx")
    fi
    passed=$((passed + ${ok:-0}))
    failed=$((failed + ${bad:-0}))
    skipped=$((skipped + ${total:-0} - ${executed:-0}))
    # An exit code without a failed test: the runner crashed, hung, or some tests never came to an end.
    if [ "$code" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
        not_run+=("$name: the runner ended with exit code $code, and not all of its tests")
    fi
done

echo
finish
