/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vhost ioctls; see vhost.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <linux/vhost.h>

#include "kvm/kvm_private.h"
#include "kvm/vhost.h"

/* "/dev/vhost-net" -> "vhost_net" */
static void module_name(const char *path, char *name, size_t size)
{
	const char *base = strrchr(path, '/');
	size_t i;

	base = base ? base + 1 : path;
	for (i = 0; base[i] && i + 1 < size; i++) {
		name[i] = base[i];
		if (base[i] == '-')
			name[i] = '_';
	}
	name[i] = '\0';
}

static int explain_open_failure(const char *path, struct err *err)
{
	char module[32];

	module_name(path, module, sizeof(module));
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return err_errno(
			err,
			"%s cannot be used: is the module %s of the host loaded? "
			"(sudo modprobe %s)",
			path, module, module);
	if (errno == EACCES || errno == EPERM)
		return err_set(err,
			       "%s: no permission: give your user access to it "
			       "(sudo setfacl -m u:\"$USER\":rw %s)",
			       path, path);
	return err_errno(err, "%s", path);
}

int vhost_open(struct vhost *vhost, const char *path, struct err *err)
{
	vhost->fd = open(path, O_RDWR | O_CLOEXEC);
	if (vhost->fd < 0)
		return explain_open_failure(path, err);
	if (kvm_ioctl(vhost->fd, VHOST_SET_OWNER, 0)) {
		err_errno(err, "%s: VHOST_SET_OWNER", path);
		vhost_close(vhost);
		return -1;
	}
	return 0;
}

void vhost_close(struct vhost *vhost)
{
	if (vhost->fd >= 0)
		close(vhost->fd);
	vhost->fd = -1;
}

int vhost_get_features(const struct vhost *vhost, uint64_t *features, struct err *err)
{
	if (kvm_ioctl(vhost->fd, VHOST_GET_FEATURES, (uintptr_t)features))
		return err_errno(err, "VHOST_GET_FEATURES");
	return 0;
}

int vhost_set_features(const struct vhost *vhost, uint64_t features, struct err *err)
{
	if (kvm_ioctl(vhost->fd, VHOST_SET_FEATURES, (uintptr_t)&features))
		return err_errno(err, "VHOST_SET_FEATURES: 0x%llx",
				 (unsigned long long)features);
	return 0;
}

int vhost_set_memory(const struct vhost *vhost, const struct vhost_range *ranges,
		     unsigned count, struct err *err)
{
	/* The structure of the ABI ends in an array of no length. */
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     VHOST_MAX_RANGES * sizeof(struct vhost_memory_region)];
	} u;

	if (count > VHOST_MAX_RANGES)
		return err_set(err, "vhost: %u pieces of guest memory are more than %d",
			       count, VHOST_MAX_RANGES);
	memset(&u, 0, sizeof(u));
	u.table.nregions = count;
	for (unsigned i = 0; i < count; i++) {
		const struct vhost_memory_region region = {
			.guest_phys_addr = ranges[i].guest,
			.memory_size = ranges[i].size,
			.userspace_addr = ranges[i].user,
		};

		memcpy(u.room + sizeof(u.table) + i * sizeof(region), &region,
		       sizeof(region));
	}
	if (kvm_ioctl(vhost->fd, VHOST_SET_MEM_TABLE, (uintptr_t)&u))
		return err_errno(err, "VHOST_SET_MEM_TABLE");
	return 0;
}

static int set_ring_number(const struct vhost *vhost, unsigned long request,
			   const char *name, unsigned ring, unsigned number,
			   struct err *err)
{
	const struct vhost_vring_state state = { .index = ring, .num = number };

	if (kvm_ioctl(vhost->fd, request, (uintptr_t)&state))
		return err_errno(err, "%s: ring %u, %u", name, ring, number);
	return 0;
}

int vhost_set_ring_size(const struct vhost *vhost, unsigned ring, unsigned size,
			struct err *err)
{
	return set_ring_number(vhost, VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM", ring,
			       size, err);
}

int vhost_set_ring_base(const struct vhost *vhost, unsigned ring, uint16_t base,
			struct err *err)
{
	return set_ring_number(vhost, VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE", ring,
			       base, err);
}

int vhost_get_ring_base(const struct vhost *vhost, unsigned ring, uint16_t *base,
			struct err *err)
{
	struct vhost_vring_state state = { .index = ring };

	if (kvm_ioctl(vhost->fd, VHOST_GET_VRING_BASE, (uintptr_t)&state))
		return err_errno(err, "VHOST_GET_VRING_BASE: ring %u", ring);
	*base = (uint16_t)state.num;
	return 0;
}

int vhost_set_ring_areas(const struct vhost *vhost, unsigned ring,
			 const struct vhost_ring_areas *areas, struct err *err)
{
	const struct vhost_vring_addr addr = {
		.index = ring,
		.desc_user_addr = areas->desc,
		.avail_user_addr = areas->avail,
		.used_user_addr = areas->used,
	};

	if (kvm_ioctl(vhost->fd, VHOST_SET_VRING_ADDR, (uintptr_t)&addr))
		return err_errno(err, "VHOST_SET_VRING_ADDR: ring %u", ring);
	return 0;
}

static int set_ring_file(const struct vhost *vhost, unsigned long request,
			 const char *name, unsigned ring, int fd, struct err *err)
{
	const struct vhost_vring_file file = { .index = ring, .fd = fd };

	if (kvm_ioctl(vhost->fd, request, (uintptr_t)&file))
		return err_errno(err, "%s: ring %u", name, ring);
	return 0;
}

int vhost_set_ring_kick(const struct vhost *vhost, unsigned ring, int fd, struct err *err)
{
	return set_ring_file(vhost, VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK", ring,
			     fd, err);
}

int vhost_set_ring_call(const struct vhost *vhost, unsigned ring, int fd, struct err *err)
{
	return set_ring_file(vhost, VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL", ring,
			     fd, err);
}

int vhost_set_ring_error(const struct vhost *vhost, unsigned ring, int fd,
			 struct err *err)
{
	return set_ring_file(vhost, VHOST_SET_VRING_ERR, "VHOST_SET_VRING_ERR", ring, fd,
			     err);
}

int vhost_net_set_backend(const struct vhost *vhost, unsigned ring, int fd,
			  struct err *err)
{
	return set_ring_file(vhost, VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND", ring,
			     fd, err);
}

int vhost_vsock_set_cid(const struct vhost *vhost, uint32_t cid, struct err *err)
{
	const uint64_t wide = cid;

	if (!kvm_ioctl(vhost->fd, VHOST_VSOCK_SET_GUEST_CID, (uintptr_t)&wide))
		return 0;
	if (errno == EADDRINUSE)
		return err_set(err,
			       "context ID %u is in use by another virtual machine of "
			       "this host: choose another",
			       cid);
	return err_errno(err, "VHOST_VSOCK_SET_GUEST_CID: %u", cid);
}

int vhost_vsock_set_running(const struct vhost *vhost, bool running, struct err *err)
{
	const int start = running;

	if (kvm_ioctl(vhost->fd, VHOST_VSOCK_SET_RUNNING, (uintptr_t)&start))
		return err_errno(err, "VHOST_VSOCK_SET_RUNNING: %d", start);
	return 0;
}
