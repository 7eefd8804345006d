#!/usr/bin/env bash
# up.sh DIR [PORT]: a one-node Ceph (monitor, one OSD in memory, radosgw) with everything below DIR, S3 on 127.0.0.1:PORT
# with the bucket `logs`. Debian's own packages, installed when missing. Ended by down.sh DIR.
set -euo pipefail
dir=${1:?usage: up.sh DIR [PORT]}
port=${2:-18080}
mon_port=${MON_PORT:-$((port + 1))}
bucket=${LOGS_BUCKET:-logs}
access=${AWS_ACCESS_KEY_ID:-cordwood}
secret=${AWS_SECRET_ACCESS_KEY:-cordwoodsecret}

mkdir -p "$dir"/{mon,osd,rgw,run,log}
dir=$(cd "$dir" && pwd)
conf=$dir/ceph.conf
say() { echo "ceph: $*" >&2; }

packages=(ceph-mon ceph-osd radosgw ceph-common curl)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  say "installing ${packages[*]} (log: $dir/log/apt.log)"
  install() {
    # RUNLEVEL=1 keeps Debian from starting the services that it installs.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${packages[@]}" >>"$dir/log/apt.log" 2>&1
  }
  # The package lists of a fresh machine are often absent or out of date.
  install || { apt-get update -qq >>"$dir/log/apt.log" 2>&1 && install; } || { cat "$dir/log/apt.log" >&2; exit 1; }
fi

uuid() { cat /proc/sys/kernel/random/uuid; }
fsid=$(uuid)
osd_uuid=$(uuid)
cat >"$conf" <<END
[global]
fsid = $fsid
mon host = v2:127.0.0.1:$mon_port/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
# Without keys there is no "secure" mode, which radosgw alone would insist on.
ms mon client mode = crc secure
run dir = $dir/run
admin socket = $dir/run/\$name.asok
pid file = $dir/run/\$name.pid
log file = $dir/log/\$name.log
crash dir = $dir/run
keyring = $dir/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[mon]
mon data = $dir/mon
mon cluster log file = $dir/log/cluster.log
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 2
mon data avail crit = 1
# Speeds up the many small steps of the set-up.
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd max pg per osd hard ratio = 10
osd client watch timeout = 10
[client.rgw]
rgw data = $dir/rgw
# Without tcp_nodelay every small answer waits 40 ms.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw enable usage log = false
rgw run sync thread = false
rgw override bucket index max shards = 1
rgw dynamic resharding = false
rgw rados pool pg num min = 4
rgw rados pool autoscale bias = 1
END
# The settings are all in the file; asking the monitor for more is a step that can hang.
export CEPH_CONF=$conf CEPH_ARGS=--no-mon-config

monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon_port]" "$dir/monmap" >"$dir/log/setup.log" 2>&1
ceph-mon --mkfs -i a -c "$conf" --monmap "$dir/monmap" >>"$dir/log/setup.log" 2>&1
ceph-mon -i a -c "$conf" >>"$dir/log/setup.log" 2>&1

ceph-osd --mkfs -i 0 -c "$conf" --osd-uuid "$osd_uuid" >>"$dir/log/setup.log" 2>&1 &
mkfs=$!
# Made here, in one call, because radosgw would take seconds over each.
pools=(.rgw.root default.rgw.{log,control,meta,buckets.index,buckets.data,buckets.non-ec})
{
  echo "osd new $osd_uuid"
  for pool in "${pools[@]}"; do
    echo "osd pool create $pool 4"
    echo "osd pool application enable $pool rgw"
  done
} | ceph -c "$conf" >>"$dir/log/setup.log" 2>&1
wait "$mkfs"
ceph-osd -i 0 -c "$conf" >>"$dir/log/setup.log" 2>&1

radosgw-admin -n client.rgw -c "$conf" user create --uid=cordwood --display-name=cordwood \
  --access-key="$access" --secret-key="$secret" >>"$dir/log/setup.log" 2>&1
radosgw -n client.rgw -c "$conf" >>"$dir/log/setup.log" 2>&1

url=http://127.0.0.1:$port
for _ in $(seq 300); do
  curl -sf -o /dev/null "$url/" && break
  sleep 0.1
done
# S3 signs a hash of the body too, which curl 7 does not add by itself.
nothing=$(sha256sum </dev/null | cut -d' ' -f1)
status=$(curl -s -o "$dir/log/bucket.xml" -w '%{http_code}' -X PUT -H "x-amz-content-sha256: $nothing" \
  --aws-sigv4 aws:amz:us-east-1:s3 --user "$access:$secret" "$url/$bucket") || true
[ "$status" = 200 ] || { say "no bucket (status $status), see $dir/log"; exit 1; }
say "$(radosgw --version | cut -d' ' -f1-3) on $url, bucket $bucket"
