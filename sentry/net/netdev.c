/* SPDX-License-Identifier: MIT */
/*
 * Interface ioctls, netdevice(7): questions go to the host's interfaces of the sandbox's namespace, changes are EPERM.
 */
#include "net/inet.h"

#include "host/socket.h"
#include "net/net.h"
#include "net/netns.h"

#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define CONF_MAX 64 /* interfaces with an address, in one SIOCGIFCONF */

static int64_t ioctl_ifreq(struct task *t, struct net_state *net, uint32_t cmd, uint64_t arg)
{
	struct ifreq r;
	int err = copy_in(t, &r, arg, sizeof(r));

	if (err)
		return err;
	r.ifr_name[sizeof(r.ifr_name) - 1] = '\0';
	err = host_sock_ioctl(net->ioctl_fd, cmd, &r);
	return err < 0 ? err : copy_out(t, arg, &r, sizeof(r));
}

static int64_t ioctl_ifconf(struct task *t, struct net_state *net, uint64_t arg)
{
	struct ifconf guest, host = {0};
	struct ifreq *reqs;
	uint64_t buf;
	int err = copy_in(t, &guest, arg, sizeof(guest));

	if (err)
		return err;
	if (guest.ifc_len < 0) /* programs that only ask for the size leave it unset */
		guest.ifc_len = 0;
	buf = (uint64_t)(uintptr_t)guest.ifc_buf;
	reqs = calloc(CONF_MAX, sizeof(*reqs));
	if (!reqs)
		return -ENOMEM;
	host.ifc_len = CONF_MAX * (int)sizeof(*reqs);
	host.ifc_req = reqs;
	err = host_sock_ioctl(net->ioctl_fd, SIOCGIFCONF, &host);
	if (!err && buf && host.ifc_len > guest.ifc_len)
		host.ifc_len = guest.ifc_len / (int)sizeof(*reqs) * (int)sizeof(*reqs);
	if (!err && buf)
		err = copy_out(t, buf, reqs, (size_t)host.ifc_len);
	free(reqs);
	return err ? err : copy_out(t, arg, &host.ifc_len, sizeof(host.ifc_len));
}

static bool is_netdev(uint32_t cmd)
{
	return (cmd >= SIOCGIFNAME && cmd <= SIOCGIFTXQLEN) || cmd == SIOCGIFMAP;
}

int64_t netdev_ioctl(struct task *t, struct socket *s, int family, uint32_t cmd, uint64_t arg)
{
	struct net_state *net = t->kernel->net;
	int err;

	if (netns_isolated(s->net_ns) && is_netdev(cmd))
		return netns_ioctl(t, s->net_ns, cmd, arg);
	err = net_await(t);
	if (err)
		return err;
	switch (cmd) {
	case SIOCGIFCONF:
		return net->ioctl_fd < 0 ? -ENODEV : ioctl_ifconf(t, net, arg);
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
		if (family != AF_INET)
			return -ENOTTY;
		return net->ioctl_fd < 0 ? -ENODEV : ioctl_ifreq(t, net, cmd, arg);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
	case SIOCGIFMAP:
		return net->ioctl_fd < 0 ? -ENODEV : ioctl_ifreq(t, net, cmd, arg);
	case SIOCSIFFLAGS:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFMETRIC:
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
	case SIOCSIFNAME:
	case SIOCSIFTXQLEN:
	case SIOCADDRT:
	case SIOCDELRT:
	case SIOCADDMULTI:
	case SIOCDELMULTI:
		return -EPERM;
	case SIOCETHTOOL:
		return -EOPNOTSUPP;
	default:
		return -ENOTTY;
	}
}
