#!/bin/sh
# The research PC's evening on the workspace that holds this script: collect, backtest, reconcile, report, bundle, publish.
# Arguments are passed on; the exit code is the program's: 0 done, 2 blocked, 3 fault, 64 wrong usage. DAILY_OPS_BIN names
# another program.
set -u

self=$0
while [ -L "$self" ]; do
    link=$(readlink -- "$self")
    case $link in
        /*) self=$link ;;
        *) self=$(dirname -- "$self")/$link ;;
    esac
done
root=$(CDPATH='' cd -- "$(dirname -- "$self")/../.." && pwd -P) || exit 3
program=${DAILY_OPS_BIN:-daily_ops}
if ! command -v "$program" >/dev/null 2>&1; then
    echo "daily_ops_pc.sh: cannot find the program $program; set DAILY_OPS_BIN to its path" >&2
    exit 3
fi
DAILY_OPS_ROOT=${DAILY_OPS_ROOT:-$root}
export DAILY_OPS_ROOT
# A scheduler has no terminal: git and ssh must fail instead of asking.
GIT_TERMINAL_PROMPT=0
export GIT_TERMINAL_PROMPT
exec "$program" pc run "$@"
