/* SPDX-License-Identifier: MIT */
/* Interfaces, addresses and routes as rtnetlink, getifaddrs and the interface ioctls tell them, with loopback alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(const char *what, long r)
{
	printf("%s: %ld %s\n", what, r, r < 0 ? strerror(errno) : "");
}

struct request {
	struct nlmsghdr h;
	union {
		struct rtgenmsg gen;
		struct ifinfomsg link;
		struct rtmsg route;
	};
};

static void ask(int s, int type, int flags, int len)
{
	struct request r = {.h = {.nlmsg_len = NLMSG_LENGTH(len), .nlmsg_type = (unsigned short)type,
				  .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags), .nlmsg_seq = 7}};
	static char buf[65536];
	struct sockaddr_nl self;
	socklen_t sl = sizeof(self);
	int done = 0;

	if (type == RTM_GETLINK && !(flags & NLM_F_DUMP))
		r.link.ifi_index = 1;
	printf("request %d flags %#x\n", type, flags);
	send(s, &r, r.h.nlmsg_len, 0);
	getsockname(s, (void *)&self, &sl);
	while (!done) {
		ssize_t n = recv(s, buf, sizeof(buf), MSG_DONTWAIT);
		struct nlmsghdr *h = (void *)buf;

		if (n < 0) {
			say("recv", n);
			break;
		}
		for (; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			printf(" type %d multi %d seq %u port %d", h->nlmsg_type, h->nlmsg_flags & NLM_F_MULTI ? 1 : 0, h->nlmsg_seq,
				h->nlmsg_pid == self.nl_pid);
			if (h->nlmsg_type == NLMSG_ERROR)
				printf(" error %d", ((struct nlmsgerr *)NLMSG_DATA(h))->error);
			if (h->nlmsg_type == RTM_NEWLINK)
				printf(" index %d", ((struct ifinfomsg *)NLMSG_DATA(h))->ifi_index);
			printf("\n");
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR || !(h->nlmsg_flags & NLM_F_MULTI))
				done = 1;
		}
	}
}

static void addresses(void)
{
	struct ifaddrs *all, *i;
	char text[64];

	say("getifaddrs", getifaddrs(&all));
	for (i = all; i; i = i->ifa_next) {
		int f = i->ifa_addr ? i->ifa_addr->sa_family : 0;

		printf("%s flags %#x family %d", i->ifa_name, i->ifa_flags, f);
		if (f == AF_INET)
			printf(" %s", inet_ntop(f, &((struct sockaddr_in *)i->ifa_addr)->sin_addr, text, sizeof(text)));
		if (f == AF_INET6)
			printf(" %s", inet_ntop(f, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, text, sizeof(text)));
		printf("\n");
	}
	freeifaddrs(all);
}

static void ioctls(int s)
{
	struct ifreq r = {0}, many[4];
	struct ifconf conf = {.ifc_len = sizeof(many), .ifc_req = many};

	strcpy(r.ifr_name, "lo");
	say("SIOCGIFINDEX", ioctl(s, SIOCGIFINDEX, &r));
	printf("index %d\n", r.ifr_ifindex);
	say("SIOCGIFFLAGS", ioctl(s, SIOCGIFFLAGS, &r));
	printf("flags %#x\n", r.ifr_flags);
	say("SIOCGIFMTU", ioctl(s, SIOCGIFMTU, &r));
	printf("mtu %d\n", r.ifr_mtu);
	say("SIOCGIFADDR", ioctl(s, SIOCGIFADDR, &r));
	printf("%s\n", inet_ntoa(((struct sockaddr_in *)&r.ifr_addr)->sin_addr));
	say("SIOCGIFNETMASK", ioctl(s, SIOCGIFNETMASK, &r));
	say("SIOCGIFHWADDR", ioctl(s, SIOCGIFHWADDR, &r));
	r.ifr_ifindex = 1;
	say("SIOCGIFNAME", ioctl(s, SIOCGIFNAME, &r));
	printf("%s\n", r.ifr_name);
	strcpy(r.ifr_name, "none");
	say("no such", ioctl(s, SIOCGIFFLAGS, &r));
	say("SIOCGIFCONF", ioctl(s, SIOCGIFCONF, &conf));
	printf("%d %s\n", conf.ifc_len, many[0].ifr_name);
	say("bad pointer", ioctl(s, SIOCGIFCONF, NULL));
}

int main(void)
{
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl a = {.nl_family = AF_NETLINK}, b;
	socklen_t len = sizeof(b);

	say("bind", bind(s, (void *)&a, sizeof(a)));
	say("getsockname", getsockname(s, (void *)&b, &len));
	printf("family %d port %d length %u\n", b.nl_family, b.nl_pid == (unsigned)getpid(), len);
	ask(s, RTM_GETLINK, NLM_F_DUMP, sizeof(struct rtgenmsg));
	ask(s, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	ask(s, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	ask(s, RTM_GETADDR, NLM_F_DUMP, sizeof(struct rtgenmsg));
	ask(s, 200, NLM_F_ACK, sizeof(struct rtgenmsg));
	ask(s, NLMSG_NOOP, NLM_F_ACK, sizeof(struct rtgenmsg));
	say("nothing left", recv(s, &a, 1, MSG_DONTWAIT));
	addresses();
	ioctls(socket(AF_INET, SOCK_DGRAM, 0));
	ioctls(socket(AF_UNIX, SOCK_DGRAM, 0) < 0 ? -1 : socket(AF_INET6, SOCK_DGRAM, 0));
	return 0;
}
