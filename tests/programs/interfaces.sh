# SPDX-License-Identifier: MIT
# What tools say of the network when there is loopback alone.
ip addr show dev lo | sed 's/ qlen .*//'
ip -4 route
ip -o link show | cut -d' ' -f1,2
cat /proc/net/dev | sed -n 's/^ *\(lo\):.*/\1/p'
head -1 /proc/net/tcp
head -1 /proc/net/unix
cat /proc/net/route | head -1
command -v python3 >/dev/null && python3 -c 'import socket; print(socket.if_nameindex())'
command -v node >/dev/null && node -e 'console.log(JSON.stringify(require("os").networkInterfaces()))'
cat /sys/class/net/lo/mtu /sys/class/net/lo/address
