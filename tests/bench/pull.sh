#!/bin/bash
# SPDX-License-Identifier: MIT
# How long a pull from a loopback registry takes, beside rootless podman: an image of about 700 MB (unpacked) made of this
# machine's own files. Run as an ordinary user.
#
#   pull.sh PICKET-FETCH [RUNS]
#
# Needs docker-registry and skopeo; podman is left out if it is missing. Prints seconds, and the ratio of the medians.
set -eu

fetch=$(realpath "${1:?usage: pull.sh PICKET-FETCH [RUNS]}")
runs=${2:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/picket-bench-XXXXXX")
port=$((20000 + RANDOM % 20000))
image=127.0.0.1:$port/bench:1
registry=

cleanup() {
	[ -z "$registry" ] || kill "$registry" 2>/dev/null || true
	command -v podman >/dev/null && podman_run unshare rm -rf "$work/podman" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

podman_run() {
	XDG_RUNTIME_DIR=$work/run podman --storage-driver overlay --root "$work/podman" --runroot "$work/run/podman" "$@" 2>/dev/null
}

# Three layers of about 230 MB each, of programs, libraries and texts; the rest of a directory once the size is reached is left out.
make_layer() {
	local out=$1 dir=$2

	(cd / && find "$dir" -xdev \( -type f -readable -o -type l \) -printf '%s %p\0' 2>/dev/null |
		awk -v RS='\0' -v ORS='\0' '{ n += $1; sub(/^[0-9]+ /, ""); if (n < 235000000) print }' |
		tar --no-recursion --null -T - -cf "$out" 2>/dev/null) || true
}

make_image() {
	python3 - "$work" <<'PY'
import hashlib, json, os, shutil, subprocess, sys
work = sys.argv[1]
blobs = work + '/oci/blobs/sha256/'
os.makedirs(blobs)

def put(data):
    name = hashlib.sha256(data).hexdigest()
    with open(blobs + name, 'wb') as f:
        f.write(data)
    return {'digest': 'sha256:' + name, 'size': len(data)}

layers, diffs, total = [], [], 0
for n in '123':
    tar = work + '/layer' + n
    with open(tar, 'rb') as f:
        data = f.read()
    total += len(data)
    diffs.append('sha256:' + hashlib.sha256(data).hexdigest())
    packed = subprocess.run(['gzip', '-n6c', tar], stdout=subprocess.PIPE, check=True).stdout
    layers.append(dict(put(packed), mediaType='application/vnd.oci.image.layer.v1.tar+gzip'))
    os.unlink(tar)
config = put(json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {}, 'rootfs': {'type': 'layers', 'diff_ids': diffs}}).encode())
config['mediaType'] = 'application/vnd.oci.image.config.v1+json'
kind = 'application/vnd.oci.image.manifest.v1+json'
manifest = dict(put(json.dumps({'schemaVersion': 2, 'mediaType': kind, 'config': config, 'layers': layers}).encode()), mediaType=kind,
                annotations={'org.opencontainers.image.ref.name': '1'})
json.dump({'schemaVersion': 2, 'manifests': [manifest]}, open(work + '/oci/index.json', 'w'))
json.dump({'imageLayoutVersion': '1.0.0'}, open(work + '/oci/oci-layout', 'w'))
print('image: %d MB unpacked, %d MB packed, %d layers' % (total / 1e6, sum(l['size'] for l in layers) / 1e6, len(layers)))
PY
}

# seconds COMMAND…: run it and print the time it took
seconds() {
	local start end

	start=$(date +%s.%N)
	"$@" >/dev/null
	end=$(date +%s.%N)
	awk -v a="$start" -v b="$end" 'BEGIN { printf "%.2f\n", b - a }'
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

picket_pull() {
	rm -rf "$work/store"
	PICKET_STORE=$work/store "$fetch" pull --progress=none "$image"
}

picket_again() {
	PICKET_STORE=$work/store "$fetch" pull --progress=none "$image"
}

podman_pull() {
	podman_run pull -q --tls-verify=false "$image"
}

mkdir -m 700 "$work/run"
make_layer "$work/layer1" usr/bin
make_layer "$work/layer2" usr/lib
make_layer "$work/layer3" usr/share
make_image
cat >"$work/registry.yml" <<EOF
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: "127.0.0.1:$port"}
EOF
docker-registry serve "$work/registry.yml" >/dev/null 2>&1 &
registry=$!
sleep 1
skopeo copy -q --insecure-policy --dest-tls-verify=false "oci:$work/oci:1" "docker://$image"
rm -rf "$work/oci"

picket=$(for _ in $(seq "$runs"); do seconds picket_pull; done | median)
echo "picket pull: $picket s (median of $runs)"
echo "picket pull, again: $(seconds picket_again) s"
if command -v podman >/dev/null; then
	other=$(for _ in $(seq "$runs"); do
		podman_run rmi -af >/dev/null || true
		seconds podman_pull
	done | median)
	echo "podman pull: $other s (median of $runs)"
	awk -v a="$picket" -v b="$other" 'BEGIN { printf "picket / podman: %.2f (goal: at most 0.50)\n", a / b }'
fi
