#!/bin/sh
# SPDX-License-Identifier: MIT
# What the add-on's pod runs on each node: gets the archive, runs the node script in the node's own namespaces, sees now and
# then that it is still in force (a node may begin anew with the configuration it came with), and undoes all when it is ended.
#
#   PICKET_SHA256  of the archive: nothing else is installed
#   PICKET_URL     where it is fetched from if the node has none
#   PICKET_NODE    where the node's root is seen (/node)
#   PICKET_PLACE   where the archive is looked for on the node (/var/lib/minikube)
#   PICKET_AS      process of the node whose namespaces are entered (1)
#   PICKET_OPTIONS more options of the node script
set -u
node=${PICKET_NODE:-/node}
place=${PICKET_PLACE:-/var/lib/minikube}
here=$(dirname "$0")
archive=picket-node-$(uname -m).tar.gz
work=$place/picket-addon

say() { echo "picket: $*"; }

on_node() {
	# shellcheck disable=SC2086  # options
	nsenter -t "${PICKET_AS:-1}" -m -u -i -n -p -- sh "$work/node.sh" "$@" ${PICKET_OPTIONS:-}
}

right() {
	[ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$PICKET_SHA256" ]
}

get_archive() {
	right "$node$work/$archive" && return
	if right "$node$place/$archive"; then
		cp "$node$place/$archive" "$node$work/$archive"
		return
	fi
	if [ -z "${PICKET_URL:-}" ]; then
		say "error: the node has no $place/$archive with the SHA-256 $PICKET_SHA256, and no url is set to fetch it from"
		return 1
	fi
	# The checksum is what is trusted, not the way it came.
	wget -q -O "$node$work/$archive.part" "$PICKET_URL" || { say "error: cannot fetch $PICKET_URL"; return 1; }
	right "$node$work/$archive.part" || { say "error: what $PICKET_URL gives is not the archive that was promised"; return 1; }
	mv "$node$work/$archive.part" "$node$work/$archive"
}

install() {
	mkdir -p "$node$work" && cp "$here/node.sh" "$node$work/node.sh" && get_archive &&
		on_node install --archive "$work/$archive" --sha256 "$PICKET_SHA256"
}

# A signal ends the waiting, which a sleep of its own would not.
wait_a_minute() {
	sleep 60 &
	sleeper=$!
	wait "$sleeper"
}

ended() {
	trap '' TERM INT
	[ -z "${sleeper:-}" ] || kill "$sleeper" 2>/dev/null
	rm -f "${ready:-}"
	say "ended: removing"
	if on_node remove; then rm -rf "${node:?}$work"; exit 0; fi
	exit 1
}

case ${PICKET_SHA256:-} in
*[!0-9a-f]* | '') say "error: sha256 in kustomization.yaml must be the archive's, as picket-node-*.tar.gz.sha256 says it"; exit 1 ;;
esac
ready=${PICKET_READY:-/tmp/ready}
trap ended TERM INT
while :; do
	if [ ! -e "$node$work/node.sh" ] || ! on_node status >/dev/null; then
		rm -f "$ready"
		install || { say "error: not installed; trying again in a minute"; wait_a_minute; continue; }
	fi
	: >"$ready"
	wait_a_minute
done
