/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ports of the virtio console, by their names. The kernel makes /dev/vportNpM when its
 * driver and the host have introduced the port to each other, and it tells the name in
 * /sys, with a uevent. So we listen for these before we look.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private.h"

#define CLASS          "/sys/class/virtio-ports"
#define DEADLINE_MS    5000 /* the driver has been loaded, or will not be */
#define UEVENT_SIZE    4096
#define PORT_NAME_SIZE 64

static bool has_name(const char *node, const char *name)
{
	char path[512], text[PORT_NAME_SIZE];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), CLASS "/%s/name", node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return !strcmp(text, name);
}

int port_open(const char *name)
{
	DIR *folder = opendir(CLASS);
	const struct dirent *entry;
	char path[512];
	int fd = -1;

	while (fd < 0 && folder && (entry = readdir(folder))) {
		if (!has_name(entry->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	if (folder)
		closedir(folder);
	return fd;
}

static int listen_for_uevents(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      NETLINK_KOBJECT_UEVENT);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Wait for events, and take all that came. false: the deadline has passed. */
static bool wait_for_uevents(int fd, int64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	const int64_t left = deadline - now_ms();
	char event[UEVENT_SIZE];

	if (left <= 0 || poll(&poll_fd, 1, (int)left) <= 0)
		return false;
	/* What they say does not matter; some may have been lost (ENOBUFS). */
	while (recv(fd, event, sizeof(event), 0) >= 0 || errno == ENOBUFS)
		;
	return true;
}

bool control_open(struct init *init)
{
	const int64_t deadline = now_ms() + DEADLINE_MS;
	int events;

	if (init->control >= 0)
		return true;
	events = listen_for_uevents();
	do
		init->control = port_open(INIT_PORT_CONTROL);
	while (init->control < 0 && wait_for_uevents(events, deadline));
	if (events >= 0)
		close(events);
	return init->control >= 0;
}
