#!/bin/sh
# SPDX-License-Identifier: MIT
# save, tag, history: an image goes out and comes in again as it was, and other tools read the archive.
# shellcheck source=tests/cli/lib.sh disable=SC2154
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
python3 "$here/odd_image.py" "$work/oci" && "$picket" load --quiet "$work/oci" >/dev/null || exit 1
cd "$work" || exit 1

status "tag" 0 "$picket" tag odd:1 other/name:2
status "  both are there" 0 "$picket" images --format json
says '"Repository":"other/name","Tag":"2"'
says '"Repository":"odd","Tag":"1"'
status "tag of nothing" 1 "$picket" tag none x
status "tag with a digest" 1 "$picket" tag odd:1 "x@sha256:$(printf '%064d' 0)"
status "history" 0 "$picket" history odd:1
says "ENV A=1"
status "history as JSON" 0 "$picket" history --format json --no-trunc odd:1
says '"CreatedBy"'
check "  one line a layer" test "$("$picket" history -q odd:1 | wc -l)" -eq 3

status "save" 0 "$picket" save -o out.tar odd:1 other/name:2
"$picket" save odd:1 other/name:2 >again.tar
check "  the same bytes each time" cmp out.tar again.tar
status "save of nothing" 1 "$picket" save -o none.tar none
status "  to standard output" 1 "$picket" save none
check "  writes nothing" test ! -s "$work/out"
check "  leaves nothing" sh -c '! ls none.tar* 2>/dev/null'
check "  one entry with two names" python3 - <<'PY'
import json, tarfile
t = tarfile.open("out.tar")
m = json.load(t.extractfile("manifest.json"))
assert len(m) == 1 and sorted(m[0]["RepoTags"]) == ["odd:1", "other/name:2"], m
import hashlib
for name in t.getnames():
    if name.startswith("blobs/sha256/"):
        assert hashlib.sha256(t.extractfile(name).read()).hexdigest() == name[13:], name
config = json.load(t.extractfile(m[0]["Config"]))
assert config["rootfs"]["diff_ids"] == ["sha256:" + l[13:] for l in m[0]["Layers"]]
one, two = (tarfile.open(fileobj=t.extractfile(l)) for l in m[0]["Layers"])
e = {i.name: i for i in one}
assert e["etc/motd"].uid == 5 and e["etc/motd"].mtime == 1700000000.5
assert e["big"].uid == 3000000 and e["null"].ischr() and (e["null"].devmajor, e["null"].devminor) == (1, 3)
assert e["x"].pax_headers["SCHILY.xattr.user.k"] == "v" and "d" * 150 + "/" + "e" * 120 in e
assert sorted((e["etc/motd"].islnk(), e["etc/hard"].islnk())) == [False, True]
n = two.getnames()
assert ".wh.gone" in n and "dir/.wh..wh..opq" in n and "gone" not in n
PY
store=$PICKET_STORE
PICKET_STORE=$work/second
status "it comes in again" 0 "$picket" load --quiet out.tar
status "  and is sound" 0 "$picket" verify
status "  under both names" 0 "$picket" images -q other/name:2
"$picket" save -o third.tar odd:1 other/name:2
check "  and goes out as it came" cmp out.tar third.tar
PICKET_STORE=$store
if command -v skopeo >/dev/null; then
  "$picket" save -o one.tar odd:1
  status "skopeo reads it as a docker-archive" 0 skopeo copy -q docker-archive:one.tar "dir:$work/dir"
  mkdir layout && tar -C layout -xf one.tar
  status "skopeo reads it as a layout" 0 skopeo copy -q "oci:$work/layout:1" "dir:$work/dir2"
fi
finish
