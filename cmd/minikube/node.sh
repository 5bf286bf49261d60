#!/bin/sh
# SPDX-License-Identifier: MIT
# Puts picket-runtime on a node whose container runtime is containerd, and takes it off again.
#
#   node.sh install --archive FILE [--sha256 HEX]   the programs, then the runtime `picket` in containerd's configuration
#   node.sh remove                                  both away; the configuration is byte for byte what it was
#   node.sh status                                  what is there; exit status 0 enabled, 3 not enabled
#
#   --directory DIR   where the programs are kept (/var/lib/minikube/picket)
#   --config FILE     containerd's configuration (/etc/containerd/config.toml)
#   --restart COMMAND restarts containerd (systemctl restart containerd)
#
# Everything can be done again at any time, also after an interruption at any point: each file appears by rename, the
# configuration has either none of this or all of it, and a restart that is due is noted before it is.
# For any POSIX shell and busybox: a node may have no more.
set -u
export LC_ALL=C
umask 022

directory=/var/lib/minikube/picket
config=/etc/containerd/config.toml
restart='systemctl restart containerd'
archive='' sha256=''
begin='# >>> picket: this part is written and removed by picket; do not edit'
end='# <<< picket'
patience=45 # seconds in which a containerd that was restarted is to answer
due='' # the note that containerd has not been restarted since its configuration changed
scratch=''

say() { printf '%s\n' "picket: $*"; }
fail() {
	printf '%s\n' "picket: error: $*"
	exit 1
}

# ---- The configuration as text ----

# The file that is to be edited. Where the main one imports others, containerd 1.x takes the CRI plugin's whole section
# from the last file that has one.
edited_file() {
	edited=$config
	[ -e "$config" ] || return 0
	edited=$(readlink -f "$config")
	for i in $(imports_of "$config"); do
		[ ! -f "$i" ] || ! has_cri_section "$i" || edited=$(readlink -f "$i")
	done
}

# has_cri_section FILE
has_cri_section() {
	grep -Eq '^[[:space:]]*\[+[[:space:]]*plugins[[:space:]]*\.[[:space:]]*("io\.containerd\.(grpc\.v1\.cri|cri\.v1\.runtime)"|'\''io\.containerd\.(grpc\.v1\.cri|cri\.v1\.runtime)'\''|cri)[[:space:]]*[].]' "$1"
}

# imports_of FILE: the files of its `imports`, patterns expanded, one per line.
imports_of() {
	base=$(dirname "$1")
	awk '
		/^[ \t]*\[/ && !inside { exit }
		/^[ \t]*imports[ \t]*=/ && !inside { inside = 1; sub(/^[^=]*=/, "") }
		inside {
			text = $0
			while (match(text, /"[^"]*"|\047[^\047]*\047|#.*|\]/)) {
				word = substr(text, RSTART, RLENGTH); text = substr(text, RSTART + RLENGTH)
				if (word == "]") exit
				if (word !~ /^#/) print substr(word, 2, length(word) - 2)
			}
		}' "$1" | while IFS= read -r pattern; do
		case $pattern in /*) ;; *) pattern=$base/$pattern ;; esac
		# shellcheck disable=SC2086  # a pattern
		ls -d $pattern 2>/dev/null
	done
}

# version_of FILE: of the configuration; 0 if it says none.
version_of() {
	awk '
		/^[ \t]*\[/ { exit }
		/^[ \t]*"?version"?[ \t]*=/ { sub(/^[^=]*=[ \t]*/, ""); sub(/[^0-9].*/, ""); v = $0; exit }
		END { print v + 0 }' "$1"
}

# How many lines begin and end our part.
count_markers() {
	begins=$(grep -c '^# >>> picket:' "$1")
	ends=$(grep -c '^# <<< picket' "$1")
}

# without_block FILE: prints FILE as it is without our part.
without_block() {
	count_markers "$1"
	[ "$begins" -gt 0 ] || [ "$ends" -gt 0 ] || { cat "$1"; return; }
	first=$(grep -n '^# >>> picket:' "$1" | head -n 1 | cut -d: -f1)
	last=$(grep -n '^# <<< picket' "$1" | tail -n 1 | cut -d: -f1)
	header=$(sed -n "${first}p" "$1" | tr -d '\r')
	tail -n "+$((last + 1))" "$1" >"$scratch/behind"
	if [ "$first" -gt 1 ]; then head -n "$((first - 1))" "$1" >"$scratch/before"; else : >"$scratch/before"; fi
	case $header in
	*"(no newline before)"*) # the line end that had to be added; still needed if something follows now
		size=$(wc -c <"$scratch/before")
		if [ ! -s "$scratch/behind" ] && [ "$size" -gt 0 ]; then
			head -c "$((size - 1))" "$scratch/before" >"$scratch/shorter" && mv -f "$scratch/shorter" "$scratch/before"
		fi ;;
	*"(new file)") # others have added to what we made: its version stays
		if [ -s "$scratch/before" ] || [ -s "$scratch/behind" ]; then
			sed -n "${first},${last}p" "$1" | grep '^version = '
		fi ;;
	esac
	cat "$scratch/before" "$scratch/behind"
}

# check_markers FILE: that our part, if there, is whole.
check_markers() {
	count_markers "$1"
	if [ "$begins" -ne "$ends" ] || [ "$begins" -gt 1 ]; then
		fail "$1 has $begins lines that begin Picket's part and $ends that end it: mend it by hand, then try again"
	fi
}

# section NAME VERSION: the table of a runtime, without brackets.
section() {
	case $2 in
	0 | 1) echo "plugins.cri.containerd.runtimes.$1" ;;
	2) echo "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.$1" ;;
	*) echo "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.$1" ;;
	esac
}

# block FILE VERSION SYSTEMD REMARK WITH-RUNC: our part. FILE need not exist.
block() {
	echo "$begin${4:+ ($4)}"
	[ "$4" != 'new file' ] || echo "version = $2"
	if [ "$5" = yes ]; then
		# Without a table of runtimes containerd has a built-in one, which a table replaces.
		printf '[%s]\n  runtime_type = "io.containerd.runc.v2"\n' "$(section runc "$2")"
		printf '  [%s.options]\n    SystemdCgroup = %s\n' "$(section runc "$2")" "$3"
	fi
	printf '[%s]\n  runtime_type = "io.containerd.runc.v2"\n  pod_annotations = ["dev.picket.*"]\n  container_annotations = ["dev.picket.*"]\n' "$(section picket "$2")"
	printf '  [%s.options]\n' "$(section picket "$2")"
	printf '    BinaryName = "%s/picket-runtime"\n    SystemdCgroup = %s\n' "$directory" "$3"
	echo "$end"
}

# ---- containerd ----

# The configuration as containerd understands it, of the file named: $scratch/dump. Fails with its words.
dump() {
	containerd --config "$1" config dump >"$scratch/dump" 2>"$scratch/said" </dev/null
}

default_version() {
	case $(containerd --version 2>/dev/null) in
	*' v2.'* | *' 2.'*) echo 3 ;;
	*) echo 2 ;;
	esac
}

# The names of the runtimes in $scratch/dump, one per line.
runtimes() {
	sed -n 's/^[[:space:]]*\[plugins\..*\.containerd\.runtimes\.\([^].]*\)\][[:space:]]*$/\1/p' "$scratch/dump" | tr -d "'\"" | sort -u
}

# A setting of a table of $scratch/dump: setting TABLE KEY
setting() {
	awk -v table="[$1]" -v key="$2" '
		/^[ \t]*\[/ { gsub(/^[ \t]+|[ \t]+$/, ""); here = $0 == table; next }
		here && $1 == key { sub(/^[^=]*=[ \t]*/, ""); gsub(/^["\047]|["\047]$/, ""); print; exit }' "$scratch/dump"
}

# Whether containerd answers and its CRI plugin is up: waits for it.
came_back() {
	dump "$config" || : >"$scratch/dump"
	address=$(setting grpc address)
	address=${address:-/run/containerd/containerd.sock}
	until=$(($(date +%s) + patience))
	while [ "$(date +%s)" -lt "$until" ]; do
		state=$(ctr --address "$address" --connect-timeout 2s plugins ls 2>/dev/null </dev/null |
			awk '$1 == "io.containerd.grpc.v1" && $2 == "cri" { print $NF }')
		case $state in ok) return 0 ;; error) return 1 ;; esac
		sleep 0.25 2>/dev/null || sleep 1
	done
	return 1
}

# What has been said of the failure, for people.
journal() {
	if command -v journalctl >/dev/null 2>&1; then
		journalctl -u containerd -n 5 --no-pager -o cat 2>/dev/null | sed 's/^/picket: containerd: /'
	fi
}

# The lock is not for the daemon that a command may start.
restart_containerd() {
	sh -c "$restart" >"$scratch/said" 2>&1 </dev/null 9>&- && came_back
}

# ---- Files ----

# put FILE: what stands on standard input becomes FILE, which keeps owner and mode; or nothing happens.
put() {
	if [ -e "$1" ]; then cp -p "$1" "$1.picket-new"; else rm -f "$1.picket-new"; fi &&
		cat >"$1.picket-new" && { sync "$1.picket-new" 2>/dev/null || sync; } && mv -f "$1.picket-new" "$1"
}

# Which of the directories of programs are run from now: their names.
in_use() {
	stat -L -c '%d:%i' /proc/[0-9]*/exe 2>/dev/null | sort -u >"$scratch/running"
	for d in "$directory"/version-*; do
		[ -d "$d" ] || continue
		stat -c '%d:%i' "$d"/* 2>/dev/null | sort -u >"$scratch/files"
		[ ! -s "$scratch/files" ] || ! grep -Fxqf "$scratch/files" "$scratch/running" || echo "$d"
	done
}

# How many sandboxes run: a sandbox is its sentry.
sandboxes() {
	for d in "$directory"/version-*; do
		[ ! -e "$d/picket-sentry" ] || stat -L -c '%d:%i' "$d/picket-sentry"
	done >"$scratch/sentries"
	[ -s "$scratch/sentries" ] || { echo 0; return; } # busybox: no pattern matches everything
	stat -L -c '%d:%i' /proc/[0-9]*/exe 2>/dev/null | grep -cFxf "$scratch/sentries"
}

# Remove the programs that neither run nor are the ones in force ($1: their directory, or nothing).
sweep() {
	in_use >"$scratch/in-use"
	for d in "$directory"/version-* "$directory/new"; do
		if [ ! -d "$d" ] || [ "$d" = "$1" ]; then continue; fi
		grep -Fxq "$d" "$scratch/in-use" || rm -rf "$d"
	done
}

current() { readlink -f "$directory/picket-runtime" 2>/dev/null | sed -n 's,/picket-runtime$,,p'; }

# The sums of what is in a directory of programs are right.
whole() { [ -f "$1/SHA256SUMS" ] && (cd "$1" && sha256sum -c SHA256SUMS >/dev/null 2>&1); }

# ---- Installing ----

check_node() {
	command -v containerd >/dev/null 2>&1 ||
		fail "this node has no containerd; start it with it: minikube start --container-runtime=containerd"
	for tool in awk cmp gzip head od sed sha256sum stat tail tar; do
		command -v "$tool" >/dev/null 2>&1 || fail "this node has no $tool"
	done
	command -v ctr >/dev/null 2>&1 || fail "this node has no ctr, which belongs to containerd"
	case $restart in
	systemctl*) command -v systemctl >/dev/null 2>&1 || fail "this node has no systemctl; say how containerd is restarted with --restart" ;;
	esac
	case $directory in /*) ;; *) fail "--directory must be an absolute path, not $directory" ;; esac
	case $directory in *[!A-Za-z0-9/._-]*) fail "--directory must be of letters, digits and . _ - /: $directory" ;; esac
}

install_programs() {
	[ -f "$archive" ] || fail "cannot read the archive ${archive:-(name it with --archive)}"
	got=$(sha256sum <"$archive" | cut -d' ' -f1)
	[ -z "$sha256" ] || [ "$got" = "$sha256" ] ||
		fail "the archive $archive is not the one that was promised: its SHA-256 is $got, not $sha256"
	short=$(echo "$got" | cut -c1-16)
	version=$directory/version-$short
	if ! whole "$version"; then
		new=$directory/new
		rm -rf "$new"
		mkdir -p "$new" || fail "cannot make $new"
		case $(od -An -tx1 -N2 "$archive" 2>/dev/null | tr -d ' \n') in
		1f8b) gzip -dc "$archive" ;;
		*) cat "$archive" ;;
		esac | tar -xf - -C "$new" || { rm -rf "$new"; fail "cannot unpack $archive into $new"; }
		# The archive has one directory.
		for top in "$new"/*; do inner=$top; done
		whole "$inner" || { rm -rf "$new"; fail "the archive $archive is incomplete"; }
		[ "$(cat "$inner/ARCH")" = "$(uname -m)" ] ||
			{ for_arch=$(cat "$inner/ARCH"); rm -rf "$new"; fail "the archive is for $for_arch, this node is $(uname -m)"; }
		"$inner/picket-runtime" --version >/dev/null 2>"$scratch/said" </dev/null ||
			{ rm -rf "$new"; fail "picket-runtime does not run on this node: $(head -n 1 "$scratch/said")"; }
		chown -R 0:0 "$inner" 2>/dev/null
		sync "$inner"/* "$inner" 2>/dev/null || sync
		rm -rf "$version"
		mv "$inner" "$version" || fail "cannot make $version"
		rm -rf "$new"
	fi
	# Sandboxes that run keep the files they were started from; the name by which containerd calls changes at once.
	if [ "$(current)" != "$version" ]; then
		rm -f "$directory/picket-runtime.new"
		if ! ln -s "version-$short/picket-runtime" "$directory/picket-runtime.new" ||
			! mv -f "$directory/picket-runtime.new" "$directory/picket-runtime"; then
			fail "cannot make $directory/picket-runtime"
		fi
		say "programs: $(cat "$version/VERSION") in $version"
	else
		say "programs: $(cat "$version/VERSION") is there already"
	fi
	sweep "$version"
}

# The configuration that is wanted, in $scratch/wanted; $remark, $number.
compose() {
	remark='' systemd=false
	if [ -e "$edited" ]; then
		check_markers "$edited"
		without_block "$edited" >"$scratch/plain"
		header=$(grep '^# >>> picket:' "$edited" | tr -d '\r')
		number=$(version_of "$edited")
		[ "$number" -gt 0 ] || [ "$edited" = "$config" ] || number=$(version_of "$config")
		case $header in *"(new file)") remark='new file' ;; esac
		# minikube writes the node's driver into every such line.
		! grep -Eq '^[[:space:]]*SystemdCgroup[[:space:]]*=[[:space:]]*true' "$edited" || systemd=true
	else
		: >"$scratch/plain"
		remark='new file'
		number=$(default_version)
	fi
	cp "$scratch/plain" "$scratch/wanted"
	if [ -s "$scratch/plain" ]; then
		remark=''
		if [ -n "$(tail -c 1 "$scratch/plain")" ]; then
			remark='no newline before'
			echo >>"$scratch/wanted"
		fi
	fi
	! grep -Eq '^[[:space:]]*\[.*runtimes[[:space:]]*\.[[:space:]]*["'\'']?picket["'\'']?[[:space:]]*[].]' "$scratch/plain" ||
		fail "$edited has a runtime picket that this script did not write; remove it, then try again"
	block "$edited" "$number" "$systemd" "$remark" "$1" >>"$scratch/wanted"
}

# Whether containerd, with the configuration that is in $scratch/wanted or in force, has all it had and picket.
# Sets $lost to what it would lose.
judge() {
	dump "$1" || return 1
	runtimes >"$scratch/after"
	lost=$(grep -vFxf "$scratch/after" "$scratch/before-runtimes" | grep -vx picket | tr '\n' ' ')
	grep -Fxq picket "$scratch/after"
}

configure() {
	edited_file
	rm -f "$edited.picket-new"
	: >"$scratch/before-runtimes"
	if [ -e "$config" ]; then
		dump "$config" || fail "containerd cannot read its own configuration $config: $(head -n 1 "$scratch/said")"
	else
		containerd config default >"$scratch/dump" 2>/dev/null </dev/null
	fi
	runtimes >"$scratch/before-runtimes"
	case $(sed -n 's/^disabled_plugins = //p' "$scratch/dump") in
	*cri*) fail "containerd's CRI plugin is switched off in $config: this node's container runtime is not containerd; start it with it: minikube start --container-runtime=containerd" ;;
	esac
	compose no
	if [ "$edited" = "$config" ] || [ "$edited" = "$(readlink -f "$config")" ]; then
		# Tried before anything is changed. Beside the real one: imports may be relative.
		here=$(dirname "$edited")
		trial=$scratch/wanted
		if [ -d "$here" ]; then trial=$edited.picket-try; cp "$scratch/wanted" "$trial" || fail "cannot write $trial"; fi
		if judge "$trial" && [ -n "$lost" ]; then
			compose yes
			[ "$trial" = "$scratch/wanted" ] || cp "$scratch/wanted" "$trial"
		fi
		judged=0
		judge "$trial" || judged=1
		[ "$trial" = "$scratch/wanted" ] || rm -f "$trial"
		[ "$judged" -eq 0 ] || fail "containerd would not take the configuration with Picket in it: $(head -n 1 "$scratch/said")"
		[ -z "$lost" ] || fail "with Picket in $edited containerd would lose the runtimes: $lost"
	fi
	if [ -e "$edited" ] && cmp -s "$scratch/wanted" "$edited"; then
		say "configuration: $edited has it already"
		return
	fi
	change "$scratch/wanted"
	say "configuration: $edited"
	if ! judge "$config" || [ -n "$lost" ]; then
		undo_change
		fail "containerd does not take the configuration with Picket in $edited${lost:+ (it would lose: $lost)}: nothing is changed"
	fi
}

# change NEW: the note, what was there before, then the new one.
change() {
	here=$(dirname "$edited")
	if [ ! -d "$here" ]; then
		: >"$directory/made-configuration-directory"
		mkdir -p "$here" || fail "cannot make $here"
	fi
	rm -f "$scratch/old"
	[ ! -e "$edited" ] || cp -p "$edited" "$scratch/old"
	: >"$due" || fail "cannot write $due"
	put "$edited" <"$1" || fail "cannot write $edited"
}

undo_change() {
	if [ -e "$scratch/old" ]; then put "$edited" <"$scratch/old"; else rm -f "$edited"; fi
}

# Restart if a change has not been followed by one.
settle() {
	[ -e "$due" ] || return 0
	say "containerd: restarting"
	if restart_containerd; then
		rm -f "$due"
		return 0
	fi
	return 1
}

do_install() {
	check_node
	lock
	install_programs
	rm -f "$scratch/old"
	configure
	if ! settle; then
		sed 's/^/picket: /' "$scratch/said"
		journal
		edited_file
		if [ ! -e "$scratch/old" ] && [ -e "$edited" ]; then take_out; else undo_change; fi
		sh -c "$restart" >"$scratch/said" 2>&1 </dev/null 9>&-
		if came_back; then
			rm -f "$due"
			fail "containerd did not come back with Picket in its configuration, which is as it was again, and containerd runs"
		fi
		fail "containerd did not come back, with Picket in its configuration nor without; the configuration is as it was"
	fi
	say "state: enabled"
}

# ---- Removing ----

# Our part out of the configuration.
take_out() {
	check_markers "$edited"
	[ "$begins" -gt 0 ] || return 0
	header=$(grep '^# >>> picket:' "$edited" | tr -d '\r')
	without_block "$edited" >"$scratch/plain"
	: >"$due" || fail "cannot write $due"
	case $header in
	*"(new file)")
		if [ ! -s "$scratch/plain" ]; then
			rm -f "$edited"
			return 0
		fi ;;
	esac
	put "$edited" <"$scratch/plain" || fail "cannot write $edited"
}

do_remove() {
	begins=0
	for f in "$config" $([ ! -e "$config" ] || imports_of "$config"); do
		[ ! -e "$f" ] || [ "$begins" -gt 0 ] || count_markers "$f"
	done
	if [ ! -d "$directory" ] && [ "$begins" -eq 0 ]; then
		say "state: disabled"
		return
	fi
	lock
	rm -f "$config.picket-new" "$config.picket-try"
	# All files that may have it: imports may have changed since.
	for f in "$config" $([ ! -e "$config" ] || imports_of "$config"); do
		[ -e "$f" ] || continue
		edited=$(readlink -f "$f")
		rm -f "$edited.picket-new" "$edited.picket-try"
		take_out
		[ "$begins" -eq 0 ] || say "configuration: $edited is as it was"
	done
	if [ -e "$directory/made-configuration-directory" ]; then
		rmdir "$(dirname "$config")" 2>/dev/null
		rm -f "$directory/made-configuration-directory"
	fi
	if [ -e "$due" ]; then
		say "containerd: restarting"
		restart_containerd || { sed 's/^/picket: /' "$scratch/said"; journal; fail "containerd did not come back; its configuration has nothing of Picket's"; }
		rm -f "$due"
	fi
	in_use >"$scratch/in-use"
	if [ -s "$scratch/in-use" ]; then
		# What runs is stopped by the programs in force, whatever it was started from.
		sweep "$(current)"
		say "sandboxes: $(sandboxes) still run; the programs stay until they have ended: delete those pods, then remove again"
		say "state: disabled"
		return
	fi
	sweep ''
	rm -f "$directory/picket-runtime" "$directory/picket-runtime.new" "$directory"/lock*
	rm -rf "$scratch"
	rmdir "$directory" 2>/dev/null || say "$directory is not empty and stays"
	say "state: disabled"
}

# ---- Status ----

do_status() {
	scratch=$(mktemp -d) || fail "cannot make a temporary directory"
	enabled=yes
	version=$(current)
	if [ -n "$version" ] && whole "$version"; then
		say "programs: $(cat "$version/VERSION") in $version"
	elif [ -n "$version" ]; then
		say "programs: damaged in $version"
		enabled=no
	else
		say "programs: none"
		enabled=no
	fi
	edited_file
	begins=0
	[ ! -e "$edited" ] || count_markers "$edited"
	if [ "$begins" -gt 0 ]; then say "configuration: $edited"; else say "configuration: nothing of Picket's in $edited"; enabled=no; fi
	if [ -e "$due" ]; then
		say "containerd: has not been restarted since its configuration changed"
		enabled=no
	elif ! command -v containerd >/dev/null 2>&1; then
		say "containerd: not there"
		enabled=no
	fi
	say "sandboxes: $(sandboxes)"
	if [ "$enabled" = yes ]; then
		say "state: enabled"
		return 0
	fi
	if [ -n "$version" ] || [ "$begins" -gt 0 ]; then say "state: incomplete"; else say "state: disabled"; fi
	return 3
}

# ---- ----

# A process and when it began, which is no other's.
process() { sed "s/^.*) /$1 /" "/proc/$1/stat" 2>/dev/null | cut -d' ' -f1,21; }

# Where there is no flock: a symbolic link to whom it belongs. One whose owner has ended is taken away by rename, and
# put back if it was another's by then.
lock_by_link() {
	me=$(process $$ | tr ' ' .)
	while ! ln -s "$me" "$directory/lock.owner" 2>/dev/null; do
		owner=$(readlink "$directory/lock.owner") || continue
		[ "$(process "${owner%%.*}" | tr ' ' .)" != "$owner" ] || return 1
		mv "$directory/lock.owner" "$directory/lock.$$" 2>/dev/null || continue
		[ "$(readlink "$directory/lock.$$")" = "$owner" ] || { mv "$directory/lock.$$" "$directory/lock.owner"; return 1; }
		rm -f "$directory/lock.$$"
	done
	[ "$(readlink "$directory/lock.owner")" = "$me" ]
}

# One at a time. The lock is the file's, and ends with the process however that ends.
lock() {
	mkdir -p "$directory" || fail "cannot make $directory"
	locked=yes
	if command -v flock >/dev/null 2>&1; then
		exec 9>"$directory/lock" || fail "cannot open $directory/lock"
		flock -n 9 || locked=no
	else
		lock_by_link || locked=no
	fi
	[ "$locked" = yes ] || fail "another install or remove is at work on this node"
	rm -rf "$directory/work"
	mkdir "$directory/work" || fail "cannot make $directory/work"
	scratch=$directory/work
}

usage() {
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0"
	exit "$1"
}

main() {
	[ $# -gt 0 ] || usage 1
	verb=$1
	shift
	while [ $# -gt 0 ]; do
		case $1 in
		--archive | --sha256 | --directory | --config | --restart)
			[ $# -gt 1 ] || fail "$1 needs a value"
			case $1 in
			--archive) archive=$2 ;;
			--sha256) sha256=$2 ;;
			--directory) directory=$2 ;;
			--config) config=$2 ;;
			--restart) restart=$2 ;;
			esac
			shift 2 ;;
		*) fail "what is $1? node.sh help says what there is" ;;
		esac
	done
	due=$directory/restart-due
	case $verb in
	help | --help | -h) usage 0 ;;
	install | remove | status) ;;
	*) fail "what is $verb? node.sh help says what there is" ;;
	esac
	trap '[ -z "$scratch" ] || rm -rf "$scratch"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	"do_$verb"
}

main "$@"
