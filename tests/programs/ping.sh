# SPDX-License-Identifier: MIT
# ping of busybox: a raw socket natively, an ICMP echo socket behind it in the sandbox.
command -v busybox >/dev/null || { echo "busybox is missing: skipped"; exit 0; }
for to in 127.0.0.1 ::1; do
	busybox ping -c 2 -i 0.1 -s 100 $to 2>&1 | sed 's/time=.*//; s/round-trip.*//'
done
busybox ping -c 1 192.0.2.1 2>&1 | sed 's/.*: //'
