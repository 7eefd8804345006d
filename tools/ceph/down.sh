#!/usr/bin/env bash
# down.sh DIR: ends what up.sh DIR began, as far as it got, and removes DIR.
set -euo pipefail
dir=${1:?usage: down.sh DIR}
[ -d "$dir" ] || exit 0
dir=$(cd "$dir" && pwd)

# Is this process a daemon of DIR? A pid alone may belong to somebody else by now.
ours() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "-c $dir/ceph.conf"; }

# Nothing has to be saved (the data are in memory), so nobody is asked to finish first.
for file in "$dir"/run/*.pid; do
  [ -s "$file" ] || continue
  pid=$(cat "$file")
  ours "$pid" || continue
  kill -KILL "$pid"
  for _ in $(seq 100); do
    ours "$pid" || break
    sleep 0.05
  done
done
rm -rf -- "$dir"
